# fish completion for negotiator: the program itself answers with the candidates.
function __negotiator_candidates
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found (command $words[1] --complete $words[2..-1] "$current" 2>/dev/null)
  set -l option (string match -r -- '^--[^=]+=' $current)
  set -l value (string replace -r -- '^--[^=]+=' '' "$current")
  for line in $found[2..-1]
    echo -- $line
  end
  switch "$found[1]"
    case ':files'
      for path in (__fish_complete_path "$value")
        echo -- "$option$path"
      end
    case ':directories'
      for path in (__fish_complete_directories "$value" '')
        echo -- "$option$path"
      end
  end
end
for name in negotiator negotiator-host negotiator-guest
  complete -c $name -f -a '(__negotiator_candidates)'
end
