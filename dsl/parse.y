/* parse.y - the grammar.
 *
 * No meaning is decided here: each action is one call of a constructor (ast.c). The tokens
 * come from layout.c, which has matched brackets, parted statements and told keywords from
 * names, so that the grammar has no conflict and needs no tie to the lexer. What may stand
 * where is said by check.c, in better words than a syntax error has. */

%code top {
#include "ast.h"               /* whoever includes parse.tab.h has done so before */
}

%code requires {
typedef struct Parser Parser;
}

%code provides {
int parse_tokens(Parser *p);
}

%code {
#include "token.h"

#include <string.h>

static int yylex(YYSTYPE *value, YYLTYPE *at, Parser *p);
static void yyerror(YYLTYPE *at, Parser *p, const char *text);

#define YYLLOC_DEFAULT(now, rhs, n) \
    ((now) = (n) ? span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) \
                 : (Span){YYRHSLOC(rhs, 0).src, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end})
#define A p->arena
}

%define api.pure full
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param { Parser *p }
%initial-action { @$ = (Span){p->src, 0, 0}; }

%union {
    const char *text;
    struct { double value; bool real; } number;
    Ast *ast;
    bool flag;
}

%token END 0 "the end of the file"
%token <text> NAME "a name" STRING "a string" PATTERN SETTING FOLD
%token <number> NUMBER "a number"
%token SEPARATOR "the end of the statement"
%token <text> IF "`if`" THEN "`then`" ELSE "`else`" AND "`and`" OR "`or`" NOT "`not`"
%token <text> TRUE_ "`true`" FALSE_ "`false`" FOR "`for`" IN "`in`" RETURN "`return`" WITH "`with`"
%token <text> MODEL TRAIN LAYER FN OPTIMIZER UPDATE INITIALIZER ENTRY METRIC METRIC_DEFINITION
%token <text> IMPORT CONST INPUT TARGET PARAM STATE OUTPUT FREEZE SCAN TOTAL
%token <text> LOSS PENALTY RESULT ALL LIKE REVERSED "`reversed`" ON "`on`" EXCEPT "`except`"
%token <text> BEFORE "`before`" AFTER "`after`"
%token DEFAULT
%token PIPE "|>" POWER "**" FLOOR_DIVIDE "//" EQUAL "==" UNEQUAL "!=" LESS_EQUAL "<="
%token GREATER_EQUAL ">=" DOTS ".." ELLIPSIS "..."

/* Loosest first. An if reaches as far right as it can; a fold takes the product after it. */
%precedence THEN
%precedence ELSE
%precedence PIPE
%left OR
%left AND
%precedence NOT
%nonassoc EQUAL UNEQUAL '<' LESS_EQUAL '>' GREATER_EQUAL
%left '+' '-'
%precedence FOLD
%left '*' '/' '%' '@' FLOOR_DIVIDE
%precedence NEGATIVE
%right POWER

%type <ast> program statements statement block definition declaration if_statement
%type <ast> exprs expr operand fallback postfix atom call callable range carried carries carry
%type <ast> params formals formal type items item binders binder args arg values value
%type <ast> restriction strings string
%type <flag> reversed
%type <text> stage

%%

program:
    %empty                              { p->program = ast_list(A, A_PROGRAM, @$, NULL, NULL); }
  | statements                          { p->program = ast_list(A, A_PROGRAM, @$, NULL, $1); }
  ;

statements:
    statement
  | statements separator statement      { $$ = ast_append($1, $3); }
  ;

separator: SEPARATOR                    { yyerrok; } ;
close:     '}'                          { yyerrok; } ;

block:
    '{' close                           { $$ = ast_list(A, A_BLOCK, @$, NULL, NULL); }
  | '{' statements close                { $$ = ast_list(A, A_BLOCK, @$, NULL, $2); }
  ;

statement:
    definition
  | declaration
  | if_statement
  | exprs                               { $$ = ast_expression(A, @$, $1); }
  | exprs '=' expr                      { $$ = ast_assign(A, @$, $1, $3); }
  | RETURN exprs                        { $$ = ast_list(A, A_RETURN, @$, NULL, $2); }
  | SCAN NAME IN range reversed carried block  { $$ = ast_scan(A, @$, $2, $4, $5, $6, $7); }
  | FOR NAME IN range block             { $$ = ast_for(A, @$, $2, NULL, $4, $5); }
  | FOR NAME ',' NAME IN range block    { $$ = ast_for(A, @$, $2, $4, $6, $7); }
  | SETTING restriction                 { $$ = ast_setting(A, @$, $1, NULL, $2); }
  | SETTING values restriction          { $$ = ast_setting(A, @$, $1, $2, $3); }
  | SETTING values '=' expr             { $$ = ast_setting(A, @$, $1,
                                                ast_assign(A, span_join(@2, @4), $2, $4), NULL); }
  | SETTING PATTERN expr                { $$ = ast_setting(A, @$, $1, $3,
                                                ast_restriction(A, @2, ast_text(A, A_STRING, @2, $2), NULL)); }
  | error                               { $$ = ast_node(A, A_ERROR, @$, NULL, NULL, NULL); }
  | error block                         { $$ = ast_broken(A, @$, $2); }
  ;

definition:
    MODEL NAME block                    { $$ = ast_define(A, A_MODEL, @$, $2, NULL, NULL, $3); }
  | TRAIN NAME block                    { $$ = ast_define(A, A_TRAIN, @$, $2, NULL, NULL, $3); }
  | ENTRY NAME block                    { $$ = ast_define(A, A_ENTRY, @$, $2, NULL, NULL, $3); }
  | LAYER NAME params block             { $$ = ast_define(A, A_LAYER, @$, $2, $3, NULL, $4); }
  | LAYER NAME params '=' expr          { $$ = ast_define(A, A_LAYER, @$, $2, $3, $5, NULL); }
  | FN NAME params block                { $$ = ast_define(A, A_FN, @$, $2, $3, NULL, $4); }
  | FN NAME params '=' expr             { $$ = ast_define(A, A_FN, @$, $2, $3, $5, NULL); }
  | OPTIMIZER NAME params block         { $$ = ast_define(A, A_OPTIMIZER, @$, $2, $3, NULL, $4); }
  | UPDATE NAME params stage block      { $$ = ast_update(A, @$, $2, $3, $4, $5); }
  | METRIC_DEFINITION NAME params block { $$ = ast_define(A, A_METRIC, @$, $2, $3, NULL, $4); }
  | METRIC_DEFINITION NAME params '=' expr { $$ = ast_define(A, A_METRIC, @$, $2, $3, $5, NULL); }
  | INITIALIZER NAME params FOR NAME block
                                        { $$ = ast_initializer(A, @$, $2, $3, $5, NULL, $6); }
  | INITIALIZER NAME params FOR NAME '=' expr
                                        { $$ = ast_initializer(A, @$, $2, $3, $5, $7, NULL); }
  | CONST NAME '=' expr                 { $$ = ast_node(A, A_CONST, @$, $2, $4, NULL); }
  | IMPORT STRING                       { $$ = ast_text(A, A_IMPORT, @$, $2); }
  ;

declaration:
    INPUT NAME ':' type                 { $$ = ast_node(A, A_INPUT, @$, $2, $4, NULL); }
  | TARGET NAME ':' type                { $$ = ast_node(A, A_TARGET, @$, $2, $4, NULL); }
  | PARAM NAME ':' type                 { $$ = ast_node(A, A_PARAM, @$, $2, $4, NULL); }
  | PARAM NAME ':' type '=' expr        { $$ = ast_node(A, A_PARAM, @$, $2, $4, $6); }
  | STATE NAME ':' type                 { $$ = ast_node(A, A_STATE, @$, $2, $4, NULL); }
  | STATE NAME ':' type '=' expr        { $$ = ast_node(A, A_STATE, @$, $2, $4, $6); }
  | OUTPUT NAME                         { $$ = ast_node(A, A_OUTPUT, @$, $2, NULL, NULL); }
  | OUTPUT NAME '=' expr                { $$ = ast_node(A, A_OUTPUT, @$, $2, $4, NULL); }
  | LOSS expr                           { $$ = ast_node(A, A_LOSS, @$, NULL, $2, NULL); }
  | LOSS NAME '=' expr                  { $$ = ast_node(A, A_LOSS, @$, $2, $4, NULL); }
  | PENALTY expr                        { $$ = ast_node(A, A_PENALTY, @$, NULL, $2, NULL); }
  | METRIC expr                         { $$ = ast_node(A, A_METRIC_USE, @$, NULL, $2, NULL); }
  | METRIC NAME '=' expr                { $$ = ast_node(A, A_METRIC_USE, @$, $2, $4, NULL); }
  | FREEZE STRING                       { $$ = ast_text(A, A_FREEZE, @$, $2); }
  | TOTAL NAME '=' expr                 { $$ = ast_node(A, A_TOTAL, @$, $2, $4, NULL); }
  | RESULT expr                         { $$ = ast_node(A, A_RESULT, @$, NULL, $2, NULL); }
  ;

if_statement:
    IF expr block                       { $$ = ast_if(A, @$, $2, $3, NULL); }
  | IF expr block ELSE block            { $$ = ast_if(A, @$, $2, $3, $5); }
  | IF expr block ELSE if_statement     { $$ = ast_if(A, @$, $2, $3, $5); }
  ;

range:
    expr
  | expr ".." expr                      { $$ = ast_node(A, A_RANGE, @$, NULL, $1, $3); }
  ;

reversed:
    %empty                              { $$ = false; }
  | REVERSED                            { $$ = true; }
  ;

carried:
    %empty                              { $$ = NULL; }
  | WITH carries                        { $$ = $2; }
  ;

carries:
    carry
  | carries ',' carry                   { $$ = ast_append($1, $3); }
  ;

carry:
    NAME '=' expr                       { $$ = ast_carried(A, @$, @1, $1, $3); }
  ;

stage:
    %empty                              { $$ = NULL; }
  | BEFORE
  | AFTER
  ;

/* Which parameters a setting is for; by their paths. */
restriction:
    %empty                              { $$ = NULL; }
  | ON strings                          { $$ = ast_restriction(A, @$, $2, NULL); }
  | EXCEPT strings                      { $$ = ast_restriction(A, @$, NULL, $2); }
  | ON strings EXCEPT strings           { $$ = ast_restriction(A, @$, $2, $4); }
  ;

strings:
    string
  | strings ',' string                  { $$ = ast_append($1, $3); }
  ;

string: STRING                          { $$ = ast_text(A, A_STRING, @$, $1); } ;

/* Of a setting: stop_early patience: 3, monitor: validation_loss */
values:
    value
  | values ',' value                    { $$ = ast_append($1, $3); }
  ;

value:
    expr
  | NAME ':' expr                       { $$ = ast_node(A, A_ARG, @$, $1, $3, NULL); }
  ;

/* ---- formal parameters and types ---- */

params:
    '(' ')'                             { $$ = NULL; }
  | '(' formals ')'                     { $$ = $2; }
  | '(' formals comma ')'               { $$ = $2; }
  ;

formals:
    formal
  | formals comma formal                { $$ = ast_append($1, $3); }
  ;

comma: ','                              { yyerrok; } ;

formal:
    NAME                                { $$ = ast_node(A, A_PARAM_DECL, @$, $1, NULL, NULL); }
  | NAME '=' expr                       { $$ = ast_node(A, A_PARAM_DECL, @$, $1, NULL, $3); }
  | NAME ':' type                       { $$ = ast_node(A, A_PARAM_DECL, @$, $1, $3, NULL); }
  | NAME ':' type '=' expr              { $$ = ast_node(A, A_PARAM_DECL, @$, $1, $3, $5); }
  | error                               { $$ = ast_broken(A, @$, NULL); }
  ;

type:
    NAME                                { $$ = ast_type(A, @$, $1, false, NULL); }
  | NAME '[' ']'                        { $$ = ast_type(A, @$, $1, true, NULL); }
  | NAME '[' items ']'                  { $$ = ast_type(A, @$, $1, true, $3); }
  | LIKE NAME                           { $$ = ast_node(A, A_TYPE_LIKE, @$, $2, NULL, NULL); }
  ;

/* ---- expressions ---- */

exprs:
    expr
  | exprs ',' expr                      { $$ = ast_append($1, $3); }
  ;

expr:
    operand
  | expr "|>" callable                  { $$ = ast_node(A, A_PIPE, @$, NULL, $1, $3); }
  | expr OR expr                        { $$ = ast_binary(A, @$, "or", $1, $3); }
  | expr AND expr                       { $$ = ast_binary(A, @$, "and", $1, $3); }
  | NOT expr                            { $$ = ast_unary(A, @$, "not", $2); }
  | expr "==" expr                      { $$ = ast_binary(A, @$, "==", $1, $3); }
  | expr "!=" expr                      { $$ = ast_binary(A, @$, "!=", $1, $3); }
  | expr '<' expr                       { $$ = ast_binary(A, @$, "<", $1, $3); }
  | expr "<=" expr                      { $$ = ast_binary(A, @$, "<=", $1, $3); }
  | expr '>' expr                       { $$ = ast_binary(A, @$, ">", $1, $3); }
  | expr ">=" expr                      { $$ = ast_binary(A, @$, ">=", $1, $3); }
  | expr '+' expr                       { $$ = ast_binary(A, @$, "+", $1, $3); }
  | expr '-' expr                       { $$ = ast_binary(A, @$, "-", $1, $3); }
  | expr '*' expr                       { $$ = ast_binary(A, @$, "*", $1, $3); }
  | expr '/' expr                       { $$ = ast_binary(A, @$, "/", $1, $3); }
  | expr "//" expr                      { $$ = ast_binary(A, @$, "//", $1, $3); }
  | expr '%' expr                       { $$ = ast_binary(A, @$, "%", $1, $3); }
  | expr '@' expr                       { $$ = ast_binary(A, @$, "@", $1, $3); }
  | expr "**" expr                      { $$ = ast_binary(A, @$, "**", $1, $3); }
  | '-' expr %prec NEGATIVE             { $$ = ast_unary(A, @$, "-", $2); }
  | FOLD '(' binders ')' expr %prec FOLD
                                        { $$ = ast_fold(A, @$, $1, $3, $5); }
  | IF expr THEN expr %prec THEN        { $$ = ast_choice(A, @$, $2, $4, NULL); }
  | IF expr THEN expr ELSE expr         { $$ = ast_choice(A, @$, $2, $4, $6); }
  ;

operand:
    postfix
  | postfix DEFAULT fallback            { $$ = ast_default(A, @$, $1, $3); }
  | ALL NAME                            { $$ = ast_node(A, A_ALL, @$, $2, NULL, NULL); }
  ;

fallback:
    operand
  | '-' operand                         { $$ = ast_unary(A, @$, "-", $2); }
  ;

postfix:
    atom
  | call
  | postfix '.' NAME                    { $$ = ast_node(A, A_MEMBER, @$, $3, $1, NULL); }
  | postfix '[' items ']'               { $$ = ast_subscript(A, @$, $1, $3); }
  ;

call:
    postfix '(' ')'                     { $$ = ast_call(A, @$, $1, NULL); }
  | postfix '(' args ')'                { $$ = ast_call(A, @$, $1, $3); }
  | postfix '(' args ',' ')'            { $$ = ast_call(A, @$, $1, $3); }
  ;

atom:
    NAME                                { $$ = ast_node(A, A_NAME, @$, $1, NULL, NULL); }
  | NUMBER                              { $$ = ast_number(A, @$, $1.value, $1.real); }
  | STRING                              { $$ = ast_text(A, A_STRING, @$, $1); }
  | TRUE_                               { $$ = ast_bool(A, @$, true); }
  | FALSE_                              { $$ = ast_bool(A, @$, false); }
  | '(' expr ')'                        { $$ = ast_grouped(@$, $2); }
  | '[' ']'                             { $$ = ast_list(A, A_LIST, @$, NULL, NULL); }
  | '[' exprs ']'                       { $$ = ast_list(A, A_LIST, @$, NULL, $2); }
  | '[' exprs ',' ']'                   { $$ = ast_list(A, A_LIST, @$, NULL, $2); }
  ;

/* What stands right of |>. */
callable:
    NAME                                { $$ = ast_node(A, A_NAME, @$, $1, NULL, NULL); }
  | callable '.' NAME                   { $$ = ast_node(A, A_MEMBER, @$, $3, $1, NULL); }
  | callable '(' ')'                    { $$ = ast_call(A, @$, $1, NULL); }
  | callable '(' args ')'               { $$ = ast_call(A, @$, $1, $3); }
  | callable '(' args ',' ')'           { $$ = ast_call(A, @$, $1, $3); }
  ;

args:
    arg
  | args ',' arg                        { $$ = ast_append($1, $3); }
  ;

arg:
    expr                                { $$ = ast_node(A, A_ARG, @$, NULL, $1, NULL); }
  | NAME ':' expr                       { $$ = ast_node(A, A_ARG, @$, $1, $3, NULL); }
  | NAME '=' expr                       { $$ = ast_misnamed_argument(A, @$, @2, $1, $3); }
  ;

items:
    item
  | items ',' item                      { $$ = ast_append($1, $3); }
  ;

item:
    expr
  | NAME IN range                       { $$ = ast_index(A, @$, $1, $3); }
  | ':'                                 { $$ = ast_node(A, A_SLICE, @$, NULL, NULL, NULL); }
  | expr ':'                            { $$ = ast_node(A, A_SLICE, @$, NULL, $1, NULL); }
  | ':' expr                            { $$ = ast_node(A, A_SLICE, @$, NULL, NULL, $2); }
  | expr ':' expr                       { $$ = ast_node(A, A_SLICE, @$, NULL, $1, $3); }
  | "..."                               { $$ = ast_node(A, A_ELLIPSIS, @$, NULL, NULL, NULL); }
  ;

binders:
    binder
  | binders ',' binder                  { $$ = ast_append($1, $3); }
  ;

binder:
    NAME                                { $$ = ast_index(A, @$, $1, NULL); }
  | NAME IN range                       { $$ = ast_index(A, @$, $1, $3); }
  | "..."                               { $$ = ast_index(A, @$, NULL, NULL); }
  ;

%%

static int yylex(YYSTYPE *value, YYLTYPE *at, Parser *p) {
    const Token *t = &p->token.at[p->at];
    p->taken = p->at;
    if (t->kind != END) p->at++;
    *value = t->value;
    *at = t->span;
    return t->kind;
}

/* Called by the skeleton for what is no syntax error: its stack has no room left. */
static void yyerror(YYLTYPE *at, Parser *p, const char *text) {
    (void)p;
    diag_error(*at, "this is nested too deeply for the parser (%s)", text);
}

/* The skeleton names a character '(', messages write `(`. */
static const char *quoted(Arena *a, const char *name) {
    bool character = name[0] == '\'' || (name[0] != '`' && strchr("|*/=!<>.", name[0]));
    return !character ? name : arena_printf(a, "`%.*s`", (int)strcspn(name + (*name == '\''), "'"),
            name + (*name == '\''));
}

enum { MAX_EXPECTED = 64 };

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p) {
    yysymbol_kind_t symbol[MAX_EXPECTED];
    const char *expected[MAX_EXPECTED];
    int n = yypcontext_expected_tokens(context, symbol, MAX_EXPECTED);
    for (int i = 0; i < n; i++) expected[i] = quoted(p->arena, yysymbol_name(symbol[i]));
    syntax_error(p, *yypcontext_location(context), expected, n);
    return 0;
}

int parse_tokens(Parser *p) { return yyparse(p); }
