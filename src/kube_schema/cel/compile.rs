//! From the text of a rule to its tree. The parser is that of the crate `cel`; macros are expanded here, since the API
//! server has more of them.

use std::sync::LazyLock;

use cel::Env;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::functions;
use super::tree::{Fold, Step, Tree, What};

/// Without any macro.
static ENV: LazyLock<Env> = LazyLock::new(|| Env::default().with_optional_support(true));

/// Names that stand for types.
const TYPES: [(&str, &str); 15] = [
    ("bool", "bool"),
    ("bytes", "bytes"),
    ("double", "double"),
    ("int", "int"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("string", "string"),
    ("type", "type"),
    ("uint", "uint"),
    ("optional_type", "optional_type"),
    ("net.IP", "net.IP"),
    ("net.CIDR", "net.CIDR"),
    ("google.protobuf.Duration", "google.protobuf.Duration"),
    ("google.protobuf.Timestamp", "google.protobuf.Timestamp"),
];

/// Names of variables that a rule has from the start.
pub const SELF: &str = "self";
pub const OLD_SELF: &str = "oldSelf";

/// A compiled expression.
#[derive(Debug)]
pub struct Compiled {
    pub tree: Tree,
    pub uses_old_self: bool,
}

/// Compiles an expression; the error tells what of it is not known here.
pub fn compile(text: &str) -> Result<Compiled, String> {
    let parsed = ENV.parser().parse(text);
    let first = |text: &str| text.lines().next().unwrap_or("it cannot be parsed").to_owned();
    let parsed = parsed.map_err(|errors| first(&errors.to_string()))?;
    let mut compiler = Compiler { names: vec![SELF.to_owned(), OLD_SELF.to_owned()], uses_old_self: false };
    let tree = compiler.tree(&parsed)?;
    Ok(Compiled { tree, uses_old_self: compiler.uses_old_self })
}

struct Compiler {
    /// Variables in reach, outer ones first.
    names: Vec<String>,
    uses_old_self: bool,
}

type Compiling<T = Tree> = Result<T, String>;

/// `a.b.c`.
fn qualified(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", qualified(&select.operand)?, select.field)),
        _ => None,
    }
}

fn text(name: &str) -> Tree {
    Tree::Text(name.to_owned())
}

impl Compiler {
    fn tree(&mut self, expression: &IdedExpr) -> Compiling {
        match &expression.expr {
            Expr::Literal(literal) => Ok(constant(literal)),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                if let Some(kind) = self.type_name(expression) {
                    return Ok(Tree::Type(kind));
                }
                Ok(self.tree(&select.operand)?.step(Step { key: text(&select.field), optional: false }))
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let optional = |at: &usize| list.optional_indices.contains(at);
                let items = list.elements.iter().enumerate();
                items.map(|(at, item)| Ok((self.tree(item)?, optional(&at)))).collect::<Compiling<_>>().map(Tree::List)
            }
            Expr::Map(map) => {
                let entry = |entry: &cel::common::ast::IdedEntryExpr| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        Ok((self.tree(&entry.key)?, self.tree(&entry.value)?, entry.optional))
                    }
                    EntryExpr::StructField(_) => Err("a message is not known here".to_owned()),
                };
                map.entries.iter().map(entry).collect::<Compiling<_>>().map(Tree::Map)
            }
            Expr::Struct(made) => Err(format!("`{}` is not known here", made.type_name)),
            Expr::Comprehension(_) | Expr::Unspecified => Err("it cannot be read".to_owned()),
        }
    }

    /// The type that a name stands for, where no variable has that name.
    fn type_name(&self, expression: &IdedExpr) -> Option<&'static str> {
        let name = qualified(expression)?;
        let first = name.split('.').next()?;
        let shadowed = self.names.iter().any(|known| known == first);
        TYPES.iter().find(|(known, _)| *known == name && !shadowed).map(|(_, kind)| *kind)
    }

    fn variable(&mut self, name: &str) -> Compiling {
        if let Some(place) = self.names.iter().rposition(|known| known == name) {
            self.uses_old_self |= place == 1;
            return Ok(Tree::Variable(place));
        }
        let kind = TYPES.iter().find(|(known, _)| *known == name);
        kind.map(|(_, kind)| Tree::Type(kind)).ok_or_else(|| format!("`{name}` is not known here"))
    }

    fn trees(&mut self, expressions: &[IdedExpr]) -> Compiling<Vec<Tree>> {
        expressions.iter().map(|expression| self.tree(expression)).collect()
    }

    fn call(&mut self, call: &CallExpr) -> Compiling {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            // a name of more than one part is one function
            if let Some(space) = qualified(target)
                && let Some(function) = functions::global(&format!("{space}.{name}"), call.args.len())
            {
                return Ok(Tree::Call(function, self.trees(&call.args)?));
            }
            if let Some(tree) = self.target_macro(target, name, &call.args) {
                return tree;
            }
            let target = self.tree(target)?;
            if let ("or" | "orValue", [other]) = (name, &call.args[..]) {
                return Ok(Tree::Else(target.into(), self.tree(other)?.into(), name == "orValue"));
            }
            let mut args = vec![target];
            args.extend(self.trees(&call.args)?);
            let function = functions::method(name, args.len());
            return Ok(Tree::Call(function.ok_or_else(|| format!("`{name}` is not known here"))?, args));
        }
        if let Some(tree) = self.special(name, &call.args) {
            return tree;
        }
        let function = functions::global(name, call.args.len());
        let function = function.ok_or_else(|| format!("`{name}` is not known here"))?;
        Ok(Tree::Call(function, self.trees(&call.args)?))
    }

    /// What does not evaluate all of its arguments, or not in order.
    fn special(&mut self, name: &str, args: &[IdedExpr]) -> Option<Compiling> {
        let mut tree = |expression: &IdedExpr| self.tree(expression).map(Box::new);
        Some(match (name, args) {
            (operators::LOGICAL_AND, [one, other]) => tree(one).and_then(|one| Ok(Tree::And(one, tree(other)?))),
            (operators::LOGICAL_OR, [one, other]) => tree(one).and_then(|one| Ok(Tree::Or(one, tree(other)?))),
            (operators::LOGICAL_NOT, [one]) => tree(one).map(Tree::Not),
            (operators::CONDITIONAL, [test, yes, no]) => {
                tree(test).and_then(|test| Ok(Tree::If(test, tree(yes)?, tree(no)?)))
            }
            (operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT, [from, at]) => {
                tree(from).and_then(|from| Ok(from.step(Step { key: *tree(at)?, optional: name != operators::INDEX })))
            }
            (operators::HAS, [field]) => match &field.expr {
                Expr::Select(select) => tree(&select.operand).map(|operand| {
                    let step = Step { key: text(&select.field), optional: false };
                    match *operand {
                        Tree::Chain(base, mut steps) => {
                            steps.push(step);
                            Tree::Has(base, steps)
                        }
                        base => Tree::Has(base.into(), vec![step]),
                    }
                }),
                _ => Err("`has` takes a field".to_owned()),
            },
            _ => return None,
        })
    }

    /// Macros that are called on a value; `None` where the name and the number of arguments are of none.
    fn target_macro(&mut self, target: &IdedExpr, name: &str, args: &[IdedExpr]) -> Option<Compiling> {
        let variable = |at: usize| match args.get(at).map(|arg| &arg.expr) {
            Some(Expr::Ident(name)) => Some(name.clone()),
            _ => None,
        };
        let (what, two) = match (name, args.len()) {
            ("optMap" | "optFlatMap", 2) => {
                let Some(variable) = variable(0) else { return Some(Err(format!("`{name}` takes a name"))) };
                return Some(self.tree(target).and_then(|target| {
                    let body = self.inside(vec![variable], |compiler| compiler.tree(&args[1]))?;
                    Ok(Tree::Within(target.into(), body.into(), name == "optFlatMap"))
                }));
            }
            ("all", 2 | 3) => (What::All, args.len() == 3),
            ("exists", 2 | 3) => (What::Exists, args.len() == 3),
            ("exists_one", 2 | 3) | ("existsOne", 3) => (What::ExistsOne, args.len() == 3),
            ("map", 2 | 3) => (What::Map, false),
            ("filter", 2) => (What::Filter, false),
            ("sortBy", 2) => (What::SortBy, false),
            ("transformList", 3 | 4) => (What::Map, true),
            ("transformMap", 3 | 4) => (What::TransformMap, true),
            ("transformMapEntry", 3 | 4) => (What::TransformMapEntry, true),
            _ => return None,
        };
        let count = if two { 2 } else { 1 };
        let names: Option<Vec<String>> = (0..count).map(variable).collect();
        let Some(names) = names else { return Some(Err(format!("`{name}` takes a name"))) };
        Some(self.fold(what, target, names, &args[count..]))
    }

    fn fold(&mut self, what: What, target: &IdedExpr, names: Vec<String>, rest: &[IdedExpr]) -> Compiling {
        let two = names.len() == 2;
        let range = self.tree(target)?;
        self.inside(names, |compiler| {
            let (filter, body) = match rest {
                [body] => (None, body),
                [filter, body] => (Some(compiler.tree(filter)?), body),
                _ => return Err("a macro has too many arguments".to_owned()),
            };
            let body = compiler.tree(body)?;
            Ok(Tree::Fold(Fold { what, range, two, filter, body }.into()))
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

fn constant(literal: &LiteralValue) -> Tree {
    match literal {
        LiteralValue::Boolean(flag) => Tree::Bool(*flag.inner()),
        LiteralValue::Bytes(bytes) => Tree::Bytes(bytes.inner().to_vec()),
        LiteralValue::Double(number) => Tree::Double(*number.inner()),
        LiteralValue::Int(number) => Tree::Int(*number.inner()),
        LiteralValue::Null => Tree::Null,
        LiteralValue::String(text) => Tree::Text(text.inner().to_owned()),
        LiteralValue::UInt(number) => Tree::Uint(*number.inner()),
    }
}
