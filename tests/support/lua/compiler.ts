// Compiles a Lua 5.1 script to a JavaScript function, so that Redis scripts run fast in tests. All
// numbers in Lua 5.1 are doubles, as in JavaScript. Covers the language except methods, metatables
// and varargs, which no script here uses; anything not covered is refused.

// @ts-types="npm:@types/luaparse@0.2.13"
import luaparse from "luaparse";
import { LIBRARY } from "./library.ts";
import * as values from "./values.ts";
import { LuaError, type LuaValue } from "./values.ts";

/** The globals of a script, by name. */
export type Globals = Readonly<Record<string, LuaValue>>;

/** A compiled script. @returns what the script returns @throws LuaError as the script does */
export type CompiledScript = (globals: Globals) => readonly LuaValue[];

type Expression = luaparse.Expression;
type Statement = luaparse.Statement;
type Scope = Map<string, string>;

const COMPILED = new Map<string, CompiledScript>();

/** Compiles a script, once for each text. @throws Error on invalid Lua or what is not covered */
export function compileLua(text: string): CompiledScript {
  const known = COMPILED.get(text);
  if (known) return known;
  const body = new Compiler().compile(text);
  const names = Object.keys(values).join(", ");
  const make = new Function(
    "values",
    "globalOf",
    `"use strict"; const { ${names} } = values;
    ${CALLS}
    return (globals) => { const G = (name) => globalOf(globals, name); ${body} return []; };`,
  );
  const script: CompiledScript = make(values, globalOf);
  COMPILED.set(text, script);
  return script;
}

/** What the compiled code calls by name, in addition to the operations on values. */
const CALLS = `
  const call = (f, ...args) => {
    if (typeof f !== "function") throw new LuaError("attempt to call a " + typeOf(f) + " value");
    return f(...args);
  };
  const index = (table, key) => {
    if (table instanceof LuaTable) return table.get(key);
    throw new LuaError("attempt to index a " + typeOf(table) + " value");
  };
  const assign = (table, key, value) => {
    if (table instanceof LuaTable) return table.set(key, value);
    throw new LuaError("attempt to index a " + typeOf(table) + " value");
  };
  const build = (list, fields) => {
    const table = new LuaTable(list);
    for (let at = 0; at < fields.length; at += 2) table.set(fields[at], fields[at + 1]);
    return table;
  };`;

function globalOf(globals: Globals, name: string): LuaValue {
  const value = globals[name] ?? LIBRARY[name];
  if (value !== undefined) return value;
  throw new LuaError(`Script attempted to access nonexistent global variable '${name}'`);
}

class Compiler {
  #scopes: Scope[] = [new Map()];
  #names = 0;

  compile(text: string): string {
    const { body } = luaparse.parse(text, { luaVersion: "5.1", comments: false });
    return this.#block(body);
  }

  #block(body: readonly Statement[]): string {
    return this.#scoped([], body).code;
  }

  /**
   * Compiles a block with variables of its own. @returns the code and the names of the variables
   */
  #scoped(
    variables: readonly string[],
    body: readonly Statement[],
  ): { readonly names: string; readonly code: string } {
    this.#scopes.push(new Map());
    const names = variables.map((name) => this.#declare(name)).join(", ");
    const code = body.map((statement) => this.#statement(statement)).join("\n");
    this.#scopes.pop();
    return { names, code };
  }

  #declare(name: string): string {
    const unique = `${name}_${++this.#names}`;
    this.#scopes.at(-1)!.set(name, unique);
    return unique;
  }

  #nameOf(name: string): string | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name);
  }

  #statement(statement: Statement): string {
    switch (statement.type) {
      case "LocalStatement": {
        const init = this.#assigned(statement.init, statement.variables.length);
        const names = statement.variables.map(({ name }) => this.#declare(name));
        if (names.length === 1) return `let ${names[0]} = ${init[0]};`;
        return `let [${names.join(", ")}] = [${init.join(", ")}];`;
      }
      case "AssignmentStatement":
        return this.#assignment(statement);
      case "CallStatement":
        return `${this.#many(statement.expression)};`;
      case "FunctionDeclaration":
        return this.#functionDeclaration(statement);
      case "ReturnStatement":
        return `return ${this.#list(statement.arguments)};`;
      case "IfStatement":
        return statement.clauses.map((clause) => {
          const body = `{ ${this.#block(clause.body)} }`;
          if (clause.type === "ElseClause") return body;
          return `if (${this.#condition(clause.condition)}) ${body}`;
        }).join(" else ");
      case "WhileStatement":
        return `while (${this.#condition(statement.condition)}) { ${this.#block(statement.body)} }`;
      case "DoStatement":
        return `{ ${this.#block(statement.body)} }`;
      case "BreakStatement":
        return "break;";
      case "ForNumericStatement":
        return this.#numericFor(statement);
      case "ForGenericStatement":
        return this.#genericFor(statement);
      default:
        throw new Error(`Cannot compile this Lua: current value is ${statement.type}`);
    }
  }

  #assignment({ variables, init }: luaparse.AssignmentStatement): string {
    const assigned = this.#assigned(init, variables.length);
    if (variables.length === 1) return `${this.#target(variables[0]!, assigned[0]!)};`;
    const name = `assigned_${++this.#names}`;
    const targets = variables.map((variable, at) => this.#target(variable, `${name}[${at}]`));
    return `{ const ${name} = [${assigned.join(", ")}]; ${targets.join("; ")}; }`;
  }

  #target(variable: luaparse.AssignmentStatement["variables"][number], value: string): string {
    if (variable.type === "Identifier") {
      const name = this.#nameOf(variable.name);
      if (name === undefined) throw new Error(`Cannot assign to the global ${variable.name}`);
      return `${name} = ${value}`;
    }
    const base = this.#one(variable.base);
    const key = variable.type === "MemberExpression"
      ? JSON.stringify(variable.identifier.name)
      : this.#one(variable.index);
    return `assign(${base}, ${key}, ${value})`;
  }

  /** Compiles a list of expressions to `count` values. */
  #assigned(expressions: readonly Expression[], count: number): string[] {
    const last = expressions.at(-1);
    if (expressions.length > 0 && expressions.length < count && last && isCall(last)) {
      return [...expressions.slice(0, -1).map((each) => this.#one(each)), `...${this.#many(last)}`];
    }
    const assigned = expressions.map((each) => this.#one(each));
    while (assigned.length < count) assigned.push("undefined");
    return assigned;
  }

  #functionDeclaration(declared: luaparse.FunctionDeclaration): string {
    const { identifier, isLocal } = declared;
    if (identifier?.type === "Identifier") {
      if (!isLocal) throw new Error(`Cannot define the global function ${identifier.name}`);
      const name = this.#declare(identifier.name);
      return `let ${name} = ${this.#function(declared)};`;
    }
    if (!identifier) throw new Error("Cannot compile a function statement without a name");
    return `${this.#target(identifier, this.#function(declared))};`;
  }

  #function({ parameters, body }: luaparse.FunctionDeclaration): string {
    const names = parameters.map((parameter) => {
      if (parameter.type === "Identifier") return parameter.name;
      throw new Error("Cannot compile a function with a variable number of arguments");
    });
    const inside = this.#scoped(names, body);
    return `(${inside.names}) => { ${inside.code} return []; }`;
  }

  #numericFor({ variable, start, end, step, body }: luaparse.ForNumericStatement): string {
    const [from, to, by] = [start, end, step].map((each) => each ? this.#number(each) : "1");
    const { names: name, code } = this.#scoped([variable.name], body);
    const [limit, stride] = [`limit_${++this.#names}`, `stride_${++this.#names}`];
    return `for (let ${name} = ${from}, ${limit} = ${to}, ${stride} = ${by};
      ${stride} > 0 ? ${name} <= ${limit} : ${name} >= ${limit}; ${name} += ${stride}) { ${code} }`;
  }

  #genericFor({ variables, iterators, body }: luaparse.ForGenericStatement): string {
    const iterator = this.#list(iterators);
    const { names, code } = this.#scoped(variables.map(({ name }) => name), body);
    const [parts, control, step] = ["parts", "control", "step"].map((each) => {
      return `${each}_${++this.#names}`;
    });
    return `{ const ${parts} = ${iterator}; let ${control} = ${parts}[2];
      for (;;) { const ${step} = call(${parts}[0], ${parts}[1], ${control});
      if (${step}[0] === undefined) break; ${control} = ${step}[0];
      let [${names}] = ${step}; ${code} } }`;
  }

  /** Compiles all values of a list of expressions to an array. */
  #list(expressions: readonly Expression[]): string {
    const last = expressions.at(-1);
    if (expressions.length === 1 && last && isCall(last)) return this.#many(last);
    return `[${this.#arguments(expressions)}]`;
  }

  #arguments(expressions: readonly Expression[]): string {
    return expressions.map((each, at) => {
      return at === expressions.length - 1 && isCall(each)
        ? `...${this.#many(each)}`
        : this.#one(each);
    }).join(", ");
  }

  /** Compiles all values of a call to an array. */
  #many(expression: Expression): string {
    switch (expression.type) {
      case "CallExpression": {
        const args = this.#arguments(expression.arguments);
        const { base } = expression;
        const local = base.type === "Identifier" ? this.#nameOf(base.name) : undefined;
        return `call(${local ?? this.#one(base)}${args === "" ? "" : `, ${args}`})`;
      }
      case "StringCallExpression":
        return `call(${this.#one(expression.base)}, ${this.#one(expression.argument)})`;
      case "TableCallExpression":
        return `call(${this.#one(expression.base)}, ${this.#one(expression.arguments)})`;
      default:
        throw new Error(`Cannot compile this Lua call: current value is ${expression.type}`);
    }
  }

  #condition(expression: Expression): string {
    if (isComparison(expression)) return this.#one(expression);
    if (expression.type === "LogicalExpression") {
      const { left, right, operator } = expression;
      const word = operator === "and" ? "&&" : "||";
      return `(${this.#condition(left)} ${word} ${this.#condition(right)})`;
    }
    if (expression.type === "UnaryExpression" && expression.operator === "not") {
      return `!${this.#condition(expression.argument)}`;
    }
    return `isTrue(${this.#one(expression)})`;
  }

  #number(expression: Expression): string {
    if (expression.type === "NumericLiteral") return String(expression.value);
    return `operand(${this.#one(expression)})`;
  }

  /** Compiles one value. */
  #one(expression: Expression): string {
    switch (expression.type) {
      case "NilLiteral":
        return "undefined";
      case "BooleanLiteral":
      case "NumericLiteral":
        return String(expression.value);
      case "StringLiteral":
        return JSON.stringify(stringOf(expression));
      case "Identifier":
        return this.#nameOf(expression.name) ?? `G(${JSON.stringify(expression.name)})`;
      case "MemberExpression":
        if (expression.indexer !== ".") throw new Error("Cannot compile a call of a method");
        return `index(${this.#one(expression.base)}, ${
          JSON.stringify(expression.identifier.name)
        })`;
      case "IndexExpression":
        return `index(${this.#one(expression.base)}, ${this.#one(expression.index)})`;
      case "FunctionDeclaration":
        return `(${this.#function(expression)})`;
      case "TableConstructorExpression":
        return this.#table(expression);
      case "LogicalExpression":
        return this.#logical(expression);
      case "BinaryExpression":
        return this.#binary(expression);
      case "UnaryExpression":
        return this.#unary(expression);
      case "VarargLiteral":
        throw new Error("Cannot compile a variable number of arguments");
      default:
        return `${this.#many(expression)}[0]`;
    }
  }

  #table({ fields }: luaparse.TableConstructorExpression): string {
    const list: string[] = [];
    const named: string[] = [];
    fields.forEach((field, at) => {
      if (field.type === "TableValue") {
        const isLast = at === fields.length - 1 && isCall(field.value);
        list.push(isLast ? `...${this.#many(field.value)}` : this.#one(field.value));
      } else {
        const key = field.type === "TableKeyString"
          ? JSON.stringify(field.key.name)
          : this.#one(field.key);
        named.push(key, this.#one(field.value));
      }
    });
    if (named.length === 0) return `new LuaTable([${list.join(", ")}])`;
    return `build([${list.join(", ")}], [${named.join(", ")}])`;
  }

  #logical({ operator, left, right }: luaparse.LogicalExpression): string {
    const name = `left_${++this.#names}`;
    const [then, otherwise] = operator === "and" ? [this.#one(right), name] : [
      name,
      this.#one(right),
    ];
    return `((${name}) => isTrue(${name}) ? ${then} : ${otherwise})(${this.#one(left)})`;
  }

  #binary({ operator, left, right }: luaparse.BinaryExpression): string {
    const [one, other] = [this.#one(left), this.#one(right)];
    switch (operator) {
      case "==":
        return `(${one} === ${other})`;
      case "~=":
        return `(${one} !== ${other})`;
      case "<":
        return `isLess(${one}, ${other})`;
      case "<=":
        return `isAtMost(${one}, ${other})`;
      case ">":
        return `isLess(${other}, ${one})`;
      case ">=":
        return `isAtMost(${other}, ${one})`;
      case "..":
        return `concat(${one}, ${other})`;
      case "%":
        return `modulo(${this.#number(left)}, ${this.#number(right)})`;
      case "^":
        return `((${this.#number(left)}) ** (${this.#number(right)}))`;
      case "+":
      case "-":
      case "*":
      case "/":
        return `(${this.#number(left)} ${operator} ${this.#number(right)})`;
      default:
        throw new Error(`Cannot compile the operator ${operator}`);
    }
  }

  #unary({ operator, argument }: luaparse.UnaryExpression): string {
    switch (operator) {
      case "not":
        return `!${this.#condition(argument)}`;
      case "-":
        return `(-${this.#number(argument)})`;
      case "#":
        return `lengthOf(${this.#one(argument)})`;
      default:
        throw new Error(`Cannot compile the operator ${operator}`);
    }
  }
}

function isCall({ type }: Expression): boolean {
  return type === "CallExpression" || type === "StringCallExpression" ||
    type === "TableCallExpression";
}

function isComparison(expression: Expression): boolean {
  return expression.type === "BinaryExpression" &&
    ["==", "~=", "<", "<=", ">", ">="].includes(expression.operator);
}

/** The text of a literal, which the parser leaves raw unless given an encoding. */
function stringOf({ value, raw }: luaparse.StringLiteral): string {
  if (typeof value === "string") return value;
  const inside = raw.slice(1, -1);
  if (!/^["']/.test(raw) || inside.includes("\\")) {
    throw new Error(`Cannot compile the text ${raw}`);
  }
  return inside;
}
