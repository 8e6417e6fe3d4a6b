#include "ast.h"
void ast_check(const Ast *program) { (void)program; }
