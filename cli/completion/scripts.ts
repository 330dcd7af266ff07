/** Completion scripts by shell; each calls `dms-frontend __complete` with the words so far. */
export const completionScripts = {
  // Names come from other users: they are quoted and never expanded.
  bash: `# source <(dms-frontend completion bash)
_dms_frontend() {
  local line value word current kept rest=$COMP_LINE
  local -a words=()
  COMPREPLY=()
  # Bash also splits at : = and @; join what belongs to one word.
  for word in "\${COMP_WORDS[@]:0:COMP_CWORD + 1}"; do
    if [[ \${#words[@]} -gt 0 && $rest != [[:space:]]* ]]; then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$word"}
  done
  # Bash replaces the part after the last split, and includes an @ at its start.
  current=\${words[\${#words[@]} - 1]}
  case $word in
    [:=]) kept=$current ;;
    *) kept=\${current%"$word"} ;;
  esac
  kept=\${kept%@}
  words=("\${words[@]//\\\\/}")
  while IFS= read -r line; do
    if [[ $line == :files ]]; then compopt -o default; return; fi
    value=\${line%%$'\\t'*}
    case $value in
      *[!A-Za-z0-9_,.:/=@%+-]*) printf -v value %q "$value" ;;
    esac
    COMPREPLY+=("\${value#"$kept"}")
  done < <(dms-frontend __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _dms_frontend dms-frontend
`,
  zsh: `#compdef dms-frontend
# source <(dms-frontend completion zsh)
_dms_frontend() {
  local line value
  local -a candidates
  for line in "\${(@f)$(dms-frontend __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ':files' ]]; then compset -P '--*='; _files; return; fi
    value=\${\${line%%$'\\t'*}//\\\\/\\\\\\\\}
    [[ -n $line ]] && candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'dms-frontend' candidates
}
if [[ $funcstack[1] == _dms_frontend ]]; then _dms_frontend "$@"; else compdef _dms_frontend dms-frontend; fi
`,
  fish: `# dms-frontend completion fish | source
function __dms_frontend_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in (dms-frontend __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$line" = ":files"
      set -l option (string match -r '^--[^=]*=' -- "$current")
      for path in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current"))
        echo "$option$path"
      end
    else
      echo $line
    end
  end
end
complete -c dms-frontend -f -a '(__dms_frontend_complete)'
`,
} as const;
