" Syntax of dlc's language. Its words stand in dsl/words.def; tests/editors.sh compares.
if exists('b:current_syntax') | finish | endif

syntax keyword dlControl if then else for in return scan with reversed
syntax keyword dlOperator and or not all like on except
syntax match dlOperator /)\s*\zs\%(before\|after\)\ze\s*{/
syntax keyword dlConstant true false training none
syntax keyword dlType f32 i32 u8 bool int real string function list
syntax match dlFold /\<\%(sum\|prod\|max\|min\|argmax\|argmin\)\ze\s*(/

" These are keywords at the start of a statement only; elsewhere they are names.
syntax match dlDefine /\%(^\|[{;]\)\s*\zs\%(model\|train\|layer\|fn\|optimizer\|metric\|initializer\|update\|entry\|import\|const\)\ze\s\+["a-zA-Z_]/
syntax match dlDeclare /\%(^\|[{;]\)\s*\zs\%(input\|target\|param\|state\|output\|loss\|penalty\|freeze\|total\|result\)\ze\s\+[-(["0-9a-zA-Z_]/

" A train block's lines begin with their words.
syntax match dlTrain /\%(^\|;\)\s*\zstrain\ze\s\+\h\w*\s*{/ nextgroup=dlTrained skipwhite
syntax match dlTrained /\h\w*/ contained nextgroup=dlSettings skipwhite
syntax region dlSettings start=/{/ end=/}/ contained
    \ contains=dlSetting,dlOperator,dlConstant,dlControl,dlFold,dlComment,dlNumber,dlString
syntax match dlSetting /\%(^\|[{;]\)\s*\zs\h\w*\ze\s\+[-(["0-9a-zA-Z_.]/ contained

" A comment after code has two blanks before it or several words; // divides otherwise.
syntax match dlComment #\%(^\|\s\s\)\s*\zs//.*$# contains=@Spell
syntax match dlComment #\S \zs// \k\+[^()\[\]]\{-} \k.*$# contains=@Spell
syntax match dlNumber /\<\%(0x\x\+\|\d[0-9_]*\%(\.\d[0-9_]*\)\=\%([eE][-+]\=\d\+\)\=\)\>/
syntax region dlString start=/"/ skip=/\\./ end=/"/ oneline

highlight default link dlControl Statement
highlight default link dlOperator Operator
highlight default link dlConstant Constant
highlight default link dlType Type
highlight default link dlFold Function
highlight default link dlDefine Keyword
highlight default link dlDeclare Keyword
highlight default link dlTrain Keyword
highlight default link dlSetting Keyword
highlight default link dlComment Comment
highlight default link dlNumber Number
highlight default link dlString String

syntax sync fromstart

let b:current_syntax = 'dl'
