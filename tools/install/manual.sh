#!/bin/sh
# The manual page, made of what `dlc help` says of itself, so that the two cannot differ.
#     tools/install/manual.sh DLC >dlc.1
set -eu
dlc=$1

# Help's text as it stands: backslashes, and points and quotes at the beginning of lines, are roff's.
escape() { sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'; }

block() { echo .nf; escape; echo .fi; }

version=$("$dlc" --version | cut -d' ' -f2)
cat <<END
.TH DLC 1 "" "dlc $version" "User commands"
.SH NAME
dlc \- an ahead-of-time compiler for neural networks
.SH SYNOPSIS
.B dlc
.I model.dl
.B \-o
.I model.c
.br
.B dlc
.I command
.I model.dl
[options]
.SH DESCRIPTION
A model is a short text file;
.B dlc
turns it into C that trains it and runs it. Its commands also train, evaluate and use a model
without any C of the user's own.
.SH COMMANDS
END
"$dlc" --help | sed -n '/^Commands/,/^$/{/^  /p}' | block
for command in $("$dlc" --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -v '^help$'); do
    echo ".SH DLC $command" | tr a-z A-Z
    "$dlc" help "$command" | sed '/^Exit codes: see/d' | block
done
echo '.SH EXIT CODES'
"$dlc" --help | sed -n '/^Exit codes/,/^$/{/^  /p}' | block
cat <<'END'
.SH ENVIRONMENT
.TP
.B CC
the C compiler that builds generated code (default: cc)
.TP
.B DLC_DATA
a folder where data are sought, after
.B \-\-data
and the model's own folder
.TP
.B NO_COLOR
when set, no colours
END
