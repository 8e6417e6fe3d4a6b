#!/bin/sh
# editors.sh - every word of the language (dsl/words.def) is known to every editor file.
cd "$(dirname "$0")/.." || exit 2
passed=0 failed=0
words=$(sed -n 's/^WORD([A-Z_]*, *"\([a-z]*\)".*/\1/p' dsl/words.def)
for file in dsl/editors/vim/syntax/dl.vim dsl/editors/vscode/syntaxes/dl.tmLanguage.json; do
    for word in $words; do
        if grep -q "[|( ]$word\\(\$\\|[\\\\|) ]\\)" "$file"; then passed=$((passed + 1))
        else echo "FAIL $file does not know $word"; failed=$((failed + 1)); fi
    done
done
# What VS Code's package names is there.
for file in $(sed -n 's/.*"\.\/\([a-zA-Z/.-]*json\)".*/\1/p' dsl/editors/vscode/package.json); do
    if [ -s "dsl/editors/vscode/$file" ]; then passed=$((passed + 1))
    else echo "FAIL package.json names $file, which is not there"; failed=$((failed + 1)); fi
done
[ -n "$words" ] || { echo "FAIL no words found"; failed=1; }
echo "$passed passed, $failed failed"
[ $failed = 0 ]
