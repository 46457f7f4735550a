# bash completion for negotiator: the program itself answers with the candidates.
_negotiator() {
  local rest=${COMP_LINE:0:COMP_POINT} word text index cut current more
  local -a words=() found=()
  # bash cuts words at "=" and ":". Pieces without a blank between them are one word.
  for ((index = 0; index <= COMP_CWORD; index++)); do
    text=${rest#"${rest%%[![:space:]]*}"}
    word=${COMP_WORDS[index]}
    ((index == COMP_CWORD)) && word=$text
    if ((index > 0)) && [[ $rest == "$text" ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=${text#"$word"}
  done
  current=${words[${#words[@]} - 1]}
  words=("${words[@]//[\"\'\\]/}")
  # The program gets the words without the quotes of the shell.
  mapfile -t found < <(command "$1" --complete "${words[@]:1}" 2>/dev/null)
  more=${found[0]-}
  COMPREPLY=()
  # bash replaces only what stands after the last cut.
  cut=${current%"${current##*[=:]}"}
  cut=${cut//\\/}
  for word in "${found[@]:1}"; do
    word=${word%%$'\t'*}
    # The other side chooses the names of its commands, so each is quoted, or left out.
    if [[ $current == [\"\']* ]]; then
      [[ $word == *[!A-Za-z0-9_.,@%+/-]* ]] && continue
      COMPREPLY+=("$word")
    else
      printf -v word %q "${word#"$cut"}"
      COMPREPLY+=("$word")
    fi
  done
  case $more in
    :files)
      compopt -o filenames 2>/dev/null
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${current#"$cut"}")
      ;;
    :directories)
      compopt -o filenames 2>/dev/null
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${current#"$cut"}")
      ;;
  esac
}
complete -F _negotiator negotiator negotiator-host negotiator-guest
