/** What the house rules ask of a TypeScript file, read from its syntax alone. */
import ts from "typescript";

const GLOBAL_CALLS = [
  "fetch",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "XMLHttpRequest",
];
const GLOBAL_MEMBERS = ["Date.now", "Math.random", "performance.now", "globalThis.fetch"];

export function parse(path: string, code: string): ts.SourceFile {
  return ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true);
}

function everyNode(root: ts.Node, visit: (node: ts.Node) => void): void {
  visit(root);
  ts.forEachChild(root, (child) => everyNode(child, visit));
}

/** The specifiers of static and dynamic imports, re-exports and type imports. */
export function importsOf(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  everyNode(file, (node) => {
    const from =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
            ? node.arguments[0]
            : undefined;
    if (from !== undefined && ts.isStringLiteral(from)) found.push(from.text);
  });
  return found;
}

export function runtimeImportsOf(file: ts.SourceFile): readonly string[] {
  return file.statements.flatMap((node) =>
    ts.isImportDeclaration(node) &&
    node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword &&
    ts.isStringLiteral(node.moduleSpecifier)
      ? [node.moduleSpecifier.text]
      : [],
  );
}

/** Uses of the global clock, timers, chance and network that are no default for something given. */
export function globalsOf(file: ts.SourceFile): readonly string[] {
  const found: string[] = [];
  everyNode(file, (node) => {
    if (ts.isNewExpression(node) && node.getText() === "new Date()") found.push("new Date()");
    if (ts.isPropertyAccessExpression(node) && GLOBAL_MEMBERS.includes(node.getText())) {
      if (!isDefault(node)) found.push(node.getText());
    } else if (ts.isIdentifier(node) && GLOBAL_CALLS.includes(node.text)) {
      if (isValue(node) && !isDeclaredAround(node) && !isDefault(node)) found.push(node.text);
    }
  });
  return found;
}

/** A default: the right side of `??`, or of `=` in a parameter or pattern. */
function isDefault(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isBinaryExpression(parent))
    return parent.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken && parent.right === node;
  return (ts.isBindingElement(parent) || ts.isParameter(parent)) && parent.initializer === node;
}

function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isTypeQueryNode(parent) || ts.isTypeReferenceNode(parent)) return false;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) ||
    (ts.isBindingElement(parent) && parent.initializer !== node)
  );
}

/** Whether a parameter or variable of that name stands in a scope around the node. */
function isDeclaredAround(node: ts.Identifier, scope: ts.Node = node.parent): boolean {
  const isScope = ts.isFunctionLike(scope) || ts.isBlock(scope) || ts.isSourceFile(scope);
  if (isScope && namesIn(scope).includes(node.text)) return true;
  return !ts.isSourceFile(scope) && isDeclaredAround(node, scope.parent);
}

/** The parameters and variables of a function or block; of a file only its own, not those of its functions. */
function namesIn(scope: ts.Node): readonly string[] {
  const names: string[] = [];
  everyNode(scope, (node) => {
    const named = ts.isParameter(node) || ts.isVariableDeclaration(node) || ts.isBindingElement(node);
    if (!named || !ts.isIdentifier(node.name)) return;
    if (!ts.isSourceFile(scope) || node.parent.parent.parent === scope) names.push(node.name.text);
  });
  return names;
}

export function undocumentedExports(file: ts.SourceFile): readonly string[] {
  const documented = (node: ts.Node): boolean => ts.getJSDocCommentsAndTags(node).length > 0;
  const declarations = new Map<string, ts.Node>();
  for (const statement of file.statements)
    for (const name of namesOf(statement)) declarations.set(name, statement);
  return file.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      if (statement.moduleSpecifier !== undefined || statement.exportClause === undefined) return [];
      if (!ts.isNamedExports(statement.exportClause) || documented(statement)) return [];
      return statement.exportClause.elements
        .map((element) => (element.propertyName ?? element.name).text)
        .filter((name) => declarations.has(name) && !documented(declarations.get(name)!));
    }
    const exported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
    if (!exported) return [];
    return namesOf(statement).filter(
      (name) => !documented(declarations.get(name) ?? statement) && !overloadOf(file, name),
    );
  });
}

/** Of an overloaded function only the signatures that are shown need a comment, and one of them has it. */
function overloadOf(file: ts.SourceFile, name: string): boolean {
  const all = file.statements.filter((one) => ts.isFunctionDeclaration(one) && one.name?.text === name);
  return all.length > 1 && all.some((one) => ts.getJSDocCommentsAndTags(one).length > 0);
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.Statement & { name?: ts.Identifier };
  return name === undefined ? [] : [name.text];
}

/** Lines on which at least one token stands. */
export function codeLines(file: ts.SourceFile): number {
  const lines = new Set<number>();
  everyNode(file, (node) => {
    if (node.getChildCount(file) > 0 || node.kind === ts.SyntaxKind.EndOfFileToken) return;
    const first = file.getLineAndCharacterOfPosition(node.getStart(file)).line;
    const last = file.getLineAndCharacterOfPosition(node.end).line;
    for (let line = first; line <= last; line++) lines.add(line);
  });
  // Punctuation is no child of `forEachChild`, so lines of brackets alone are added from the text.
  file.text.split("\n").forEach((text, line) => {
    if (/^\s*[\])}>;,]+/.test(text)) lines.add(line);
  });
  return lines.size;
}
