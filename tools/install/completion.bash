# Completion of dlc's command line in bash. Commands and options are what `dlc help` says, so that
# they are those of the dlc that is installed.

_dlc_commands() {
    dlc --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p'
    echo help
}

_dlc_options() { # command
    dlc help "$1" 2>/dev/null | sed -n 's/^  \(-[-A-Za-z=]*\).*/\1/p'
}

_dlc() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_dlc_commands)" -- "$word"; compgen -f -X '!*.dl' -- "$word"; compgen -d -S / -- "$word")
    elif [ "$command" = help ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_dlc_commands)" -- "$word")
    elif [[ $word == -* ]]; then
        [[ $command == *.dl ]] && command=compile
        mapfile -t COMPREPLY < <(compgen -W "$(_dlc_options "$command")" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _dlc dlc
