#compdef negotiator negotiator-host negotiator-guest
# zsh completion for negotiator: the program itself answers with the candidates.
_negotiator() {
  local -a found plain described
  local line word
  found=("${(@f)$(command "${(Q)words[1]}" --complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  for line in "${(@)found[2,-1]}"; do
    word=${line%%$'\t'*}
    plain+=("$word")
    if [[ $line == *$'\t'* ]]; then
      described+=("${(r:24:)word}  ${line#*$'\t'}")
    else
      described+=("$word")
    fi
  done
  (( $#plain )) && compadd -l -d described -a plain
  case $found[1] in
    :files)
      compset -P 1 '--*='
      _files
      ;;
    :directories)
      compset -P 1 '--*='
      _files -/
      ;;
  esac
}
# As a file of the completion system this runs at the first use; else it is read by a running shell.
if [[ ${funcstack[1]} == _negotiator ]]; then
  _negotiator "$@"
else
  compdef _negotiator negotiator negotiator-host negotiator-guest
fi
