/** What a shell sources to complete the command line; each asks `dms-frontend __complete` with the words so far. */
export const completionScripts = {
  bash: `# source <(dms-frontend completion bash)
_dms_frontend() {
  local line IFS=$'\\n'
  COMPREPLY=()
  for line in $(dms-frontend __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    if [ "$line" = ":files" ]; then compopt -o default; return; fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done
}
complete -F _dms_frontend dms-frontend
`,
  zsh: `#compdef dms-frontend
# source <(dms-frontend completion zsh)
_dms_frontend() {
  local line
  local -a candidates
  for line in "\${(@f)$(dms-frontend __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ':files' ]]; then _files; return; fi
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
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
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c dms-frontend -f -a '(__dms_frontend_complete)'
`,
} as const;
