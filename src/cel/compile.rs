//! From the text of a rule to its tree. The parser is that of the crate `cel`; macros are expanded here, since the API
//! server has more of them.

use std::sync::LazyLock;

use cel::Env;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::expression::{Expression, FOLDS, Fold, FoldKind, MemberAccess, OTHER_MACROS};
use super::functions::{self, FUNCTIONS};
use crate::apimachinery::suggest::suggest;

/// Without any macro.
static ENV: LazyLock<Env> = LazyLock::new(|| Env::default().with_optional_support(true));

/// Names that stand for types.
const TYPES: [&str; 15] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
    "optional_type",
    "net.IP",
    "net.CIDR",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
];

/// Names of variables that a rule has from the start.
pub const SELF: &str = "self";
pub const OLD_SELF: &str = "oldSelf";

/// A compiled expression.
#[derive(Debug)]
pub struct CompiledExpression {
    pub tree: Expression,
    pub uses_old_self: bool,
}

/// Why an expression has no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is not in the syntax of CEL, or not in what the parser knows of it.
    #[error("{0}")]
    Syntax(String),
    /// It names what does not exist.
    #[error("{message}")]
    Unresolved { message: String, help: Option<String> },
}

fn unresolved<T>(message: String) -> Compilation<T> {
    Err(CompileError::Unresolved { message, help: None })
}

/// Whether an expression can be parsed; the error is the parser's first line.
pub fn parse(text: &str) -> Result<IdedExpr, CompileError> {
    let first = |text: &str| text.lines().next().unwrap_or("it cannot be parsed").to_owned();
    ENV.parser().parse(text).map_err(|errors| CompileError::Syntax(first(&errors.to_string())))
}

/// Compiles an expression.
pub fn compile(text: &str) -> Result<CompiledExpression, CompileError> {
    let mut compiler = ExpressionCompiler { names: vec![SELF.to_owned(), OLD_SELF.to_owned()], uses_old_self: false };
    let tree = compiler.tree(&parse(text)?)?;
    Ok(CompiledExpression { tree, uses_old_self: compiler.uses_old_self })
}

struct ExpressionCompiler {
    /// Variables in reach, outer ones first.
    names: Vec<String>,
    uses_old_self: bool,
}

type Compilation<T = Expression> = Result<T, CompileError>;

/// `a.b.c`.
fn qualified(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", qualified(&select.operand)?, select.field)),
        _ => None,
    }
}

fn text(name: &str) -> Expression {
    Expression::Text(name.to_owned())
}

impl ExpressionCompiler {
    fn tree(&mut self, expression: &IdedExpr) -> Compilation {
        match &expression.expr {
            Expr::Literal(literal) => Ok(constant(literal)),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                if let Some(kind) = self.type_name(expression) {
                    return Ok(Expression::Type(kind));
                }
                Ok(self.tree(&select.operand)?.access(MemberAccess {
                    key: text(&select.field),
                    field: true,
                    optional: false,
                }))
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let optional = |at: &usize| list.optional_indices.contains(at);
                let items = list.elements.iter().enumerate();
                items
                    .map(|(at, item)| Ok((self.tree(item)?, optional(&at))))
                    .collect::<Compilation<_>>()
                    .map(Expression::List)
            }
            Expr::Map(map) => {
                let entry = |entry: &cel::common::ast::IdedEntryExpr| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        Ok((self.tree(&entry.key)?, self.tree(&entry.value)?, entry.optional))
                    }
                    EntryExpr::StructField(_) => unresolved("a rule cannot make a message".to_owned()),
                };
                map.entries.iter().map(entry).collect::<Compilation<_>>().map(Expression::Map)
            }
            Expr::Struct(made) => unresolved(format!("there is no message `{}`", made.type_name)),
            Expr::Comprehension(_) | Expr::Unspecified => unresolved("it cannot be read".to_owned()),
        }
    }

    /// The type that a name stands for, where no variable has that name.
    fn type_name(&self, expression: &IdedExpr) -> Option<&'static str> {
        let name = qualified(expression)?;
        let first = name.split('.').next()?;
        let shadowed = self.names.iter().any(|known| known == first);
        TYPES.into_iter().find(|known| *known == name && !shadowed)
    }

    fn variable(&mut self, name: &str) -> Compilation {
        if let Some(place) = self.names.iter().rposition(|known| known == name) {
            self.uses_old_self |= place == 1;
            return Ok(Expression::Variable(place));
        }
        if let Some(kind) = TYPES.into_iter().find(|known| *known == name) {
            return Ok(Expression::Type(kind));
        }
        let help = suggest(name, self.names.iter().map(String::as_str));
        let help = help.or_else(|| Some("fields are reached by `self`".to_owned()));
        Err(CompileError::Unresolved { message: format!("there is nothing of the name `{name}` here"), help })
    }

    fn trees(&mut self, expressions: &[IdedExpr]) -> Compilation<Vec<Expression>> {
        expressions.iter().map(|expression| self.tree(expression)).collect()
    }

    fn call(&mut self, call: &CallExpr) -> Compilation {
        let name = call.func_name.as_str();
        let Some(target) = &call.target else {
            return match self.special(name, &call.args) {
                Some(tree) => tree,
                None => self.function(name, name, Vec::new(), &call.args),
            };
        };
        // a name of more than one part is one function
        if let Some(space) = qualified(target)
            && let Some(first) = space.split('.').next()
            && !self.names.iter().any(|known| known == first)
            && FUNCTIONS.iter().any(|function| function.name.split_once('.').is_some_and(|(space, _)| space == first))
        {
            return self.function(&format!("{space}.{name}"), name, Vec::new(), &call.args);
        }
        if let Some(tree) = self.target_macro(target, name, &call.args) {
            return tree;
        }
        let target = self.tree(target)?;
        if let ("or" | "orValue", [other]) = (name, &call.args[..]) {
            return Ok(Expression::Else(target.into(), self.tree(other)?.into(), name == "orValue"));
        }
        self.function(name, name, vec![target], &call.args)
    }

    /// A call of a function, on a target if there is one.
    fn function(&mut self, name: &str, last: &str, mut args: Vec<Expression>, more: &[IdedExpr]) -> Compilation {
        let method = !args.is_empty();
        let count = args.len() + more.len();
        let Some(function) = functions::find_by_count(name, method, count) else {
            return Err(no_function(name, last, method));
        };
        args.extend(self.trees(more)?);
        match &mut args[..] {
            // the server folds it, whatever the value comes to
            [value, Expression::List(items)] if name == operators::IN && items.is_empty() => {
                Ok(Expression::InNothing(std::mem::replace(value, Expression::Null).into()))
            }
            _ => Ok(Expression::Call(function, args)),
        }
    }

    /// What does not evaluate all of its arguments, or not in order.
    fn special(&mut self, name: &str, args: &[IdedExpr]) -> Option<Compilation> {
        let mut tree = |expression: &IdedExpr| self.tree(expression).map(Box::new);
        Some(match (name, args) {
            (operators::LOGICAL_AND, [one, other]) => tree(one).and_then(|one| Ok(Expression::And(one, tree(other)?))),
            (operators::LOGICAL_OR, [one, other]) => tree(one).and_then(|one| Ok(Expression::Or(one, tree(other)?))),
            (operators::LOGICAL_NOT, [one]) => tree(one).map(Expression::Not),
            (operators::CONDITIONAL, [test, yes, no]) => {
                tree(test).and_then(|test| Ok(Expression::If(test, tree(yes)?, tree(no)?)))
            }
            (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, [from, at]) => {
                let (field, optional) = (name == operators::OPT_SELECT, name != operators::INDEX);
                tree(from).and_then(|from| Ok(from.access(MemberAccess { key: *tree(at)?, field, optional })))
            }
            (operators::HAS, [field]) => match &field.expr {
                Expr::Select(select) => tree(&select.operand).map(|operand| {
                    let access = MemberAccess { key: text(&select.field), field: true, optional: false };
                    match *operand {
                        Expression::Chain(base, mut accesses) => {
                            accesses.push(access);
                            Expression::Has(base, accesses)
                        }
                        base => Expression::Has(base.into(), vec![access]),
                    }
                }),
                _ => unresolved("`has` takes a field".to_owned()),
            },
            _ => return None,
        })
    }

    /// Macros that are called on a value; `None` where the name and the number of arguments are of none.
    fn target_macro(&mut self, target: &IdedExpr, name: &str, args: &[IdedExpr]) -> Option<Compilation> {
        let variable = |at: usize| match args.get(at).map(|arg| &arg.expr) {
            Some(Expr::Ident(name)) => Some(name.clone()),
            _ => None,
        };
        let takes_a_name = || unresolved(format!("`{name}` takes a name"));
        if let ("optMap" | "optFlatMap", 2) = (name, args.len()) {
            let Some(variable) = variable(0) else { return Some(takes_a_name()) };
            return Some(self.tree(target).and_then(|target| {
                let body = self.inside(vec![variable], |compiler| compiler.tree(&args[1]))?;
                Ok(Expression::Within(target.into(), body.into(), name == "optFlatMap"))
            }));
        }
        let found = FOLDS.iter().find(|known| known.name == name && known.counts.contains(&args.len()))?;
        let names: Option<Vec<String>> = (0..found.variables).map(variable).collect();
        let Some(names) = names else { return Some(takes_a_name()) };
        Some(self.fold(found.kind, target, names, &args[found.variables..]))
    }

    fn fold(&mut self, kind: FoldKind, target: &IdedExpr, names: Vec<String>, rest: &[IdedExpr]) -> Compilation {
        let two = names.len() == 2;
        let range = self.tree(target)?;
        self.inside(names, |compiler| {
            let (filter, body) = match rest {
                [body] => (None, body),
                [filter, body] => (Some(compiler.tree(filter)?), body),
                _ => return unresolved("a macro has too many arguments".to_owned()),
            };
            let body = compiler.tree(body)?;
            Ok(Expression::Fold(Fold { kind, range, two, filter, body }.into()))
        })
    }

    fn inside<T>(&mut self, names: Vec<String>, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.names.len();
        self.names.extend(names);
        let done = work(self);
        self.names.truncate(before);
        done
    }
}

/// What is wrong with a call of a function, or of one with so many arguments, that does not exist.
fn no_function(name: &str, last: &str, method: bool) -> CompileError {
    let plain = name.trim_matches(['_', '@']);
    if functions::find(name, method).is_some() || FOLDS.iter().any(|known| known.name == name) {
        let message = format!("`{plain}` does not take so many arguments");
        return CompileError::Unresolved { message, help: None };
    }
    let macros = FOLDS.iter().map(|known| known.name).chain(OTHER_MACROS);
    let known = FUNCTIONS.iter().map(|function| function.name).chain(macros);
    let how = if method { "by its name alone" } else { "on a value" };
    let other = functions::find(last, !method).map(|_| format!("`{last}` is called {how}"));
    let help = other.or_else(|| suggest(name, known));
    CompileError::Unresolved { message: format!("there is no function `{plain}`"), help }
}

fn constant(literal: &LiteralValue) -> Expression {
    match literal {
        LiteralValue::Boolean(flag) => Expression::Bool(*flag.inner()),
        LiteralValue::Bytes(bytes) => Expression::Bytes(bytes.inner().to_vec()),
        LiteralValue::Double(number) => Expression::Double(*number.inner()),
        LiteralValue::Int(number) => Expression::Int(*number.inner()),
        LiteralValue::Null => Expression::Null,
        LiteralValue::String(text) => Expression::Text(text.inner().to_owned()),
        LiteralValue::UInt(number) => Expression::Uint(*number.inner()),
    }
}
