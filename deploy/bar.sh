#!/bin/sh
# bar.sh LABEL: draw on the terminal of standard error that a step goes on, until SIGTERM. host/console.py draws the same.
trap 'printf "\r\033[K" >&2; exit 0' TERM
bars='[#####               ] [   #####            ] [      #####         ] [         #####      ] [            #####   ] [               #####] [            #####   ] [         #####      ] [      #####         ] [   #####            ]'
columns=$(stty size <&2 2>/dev/null | cut -d ' ' -f 2)
began=$(date +%s)
while :; do
    rest=$bars
    while [ -n "$rest" ]; do
        bar=${rest%%]*}]
        rest=${rest#*]} rest=${rest# }
        line=$(printf 'singlecell: %-31.31s %s %5d s' "$1" "$bar" $(($(date +%s) - began)))
        # A line that is longer than the terminal cannot be drawn over.
        if [ ${#line} -lt "${columns:-80}" ]; then printf '\r\033[K%s' "$line" >&2; fi
        sleep 0.2 &
        wait $!
    done
done
