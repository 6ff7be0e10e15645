//! One walk over an expression: the type, the size and the cost of every part, from the inside out
//! (`checker/checker.go` and `checker/cost.go` of cel-go).

use super::cost::{CallCost, CallSizes, EntrySizes, NEW_LIST, NEW_MAP, SizeBounds};
use super::expression::{Expression, MemberAccess};
use super::functions::{self, CelFunction, FunctionOverload};
use super::schema::RuleSchema;
use super::types::{CelType, Substitutions};
use super::value::EvaluationError;
use super::{convert, folds, format};
use crate::apimachinery::suggest::suggest;
use crate::go_compat::regexp;

/// Why the API server would not take an expression, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    Refused { message: String, help: Option<String> },
    NotChecked(String),
}

impl CheckError {
    pub fn refused(message: String) -> Self {
        Self::Refused { message, help: None }
    }
}

pub type CheckResult<'s> = Result<CheckedExpression<'s>, CheckError>;

/// What is known of a part of an expression.
#[derive(Clone, Debug)]
pub struct CheckedExpression<'s> {
    pub kind: CelType<'s>,
    pub cost: u64,
    /// By which its size is looked up in the schema, the variable first; empty where it has none.
    pub path: Vec<String>,
    pub size: Option<SizeBounds>,
    pub entry: Option<EntrySizes>,
}

impl<'s> CheckedExpression<'s> {
    pub fn new(kind: CelType<'s>, cost: u64) -> Self {
        let size = kind.is_scalar().then_some(SizeBounds::fixed(1));
        Self { kind, cost, path: Vec::new(), size, entry: None }
    }

    pub fn size_or_unknown(&self) -> SizeBounds {
        self.size.unwrap_or(SizeBounds::UNKNOWN)
    }
}

/// The type checker with its variables, by their place.
pub struct TypeChecker<'s> {
    root: &'s dyn RuleSchema,
    pub types: Substitutions<'s>,
    variables: Vec<CheckedExpression<'s>>,
    /// Elements of literals that must be of one type in the end.
    alike: Vec<(CelType<'s>, CelType<'s>)>,
    /// Calls of `format` around, whose lists may be mixed.
    formats: usize,
}

/// The cost of a rule whose `self` has a schema.
pub fn rule_cost(tree: &Expression, root: &dyn RuleSchema, optional_old_self: bool) -> Result<u64, CheckError> {
    let Some(kind) = CelType::of(root) else {
        let message = "a CEL rule cannot see a value without a type, nor a list or a map of such";
        return Err(CheckError::refused(message.to_owned()));
    };
    let mut checker =
        TypeChecker { root, types: Substitutions::default(), variables: Vec::new(), alike: Vec::new(), formats: 0 };
    let old = if optional_old_self { CelType::optional(kind.clone()) } else { kind.clone() };
    checker
        .variables
        .push(CheckedExpression { path: vec![super::compile::SELF.to_owned()], ..CheckedExpression::new(kind, 1) });
    checker
        .variables
        .push(CheckedExpression { path: vec![super::compile::OLD_SELF.to_owned()], ..CheckedExpression::new(old, 1) });
    let whole = checker.check(tree)?;
    let whole_kind = checker.types.settled(&whole.kind);
    if !matches!(whole_kind, CelType::Bool) {
        return Err(CheckError::refused(format!("a rule is true or false, this one is {}", whole_kind.told())));
    }
    for (one, other) in &checker.alike {
        let (one, other) = (checker.types.settled(one), checker.types.settled(other));
        if !one.is(&other) {
            return Err(mismatch(&one, &other));
        }
    }
    Ok(whole.cost)
}

pub fn sum(costs: impl IntoIterator<Item = u64>) -> u64 {
    costs.into_iter().fold(0, u64::saturating_add)
}

fn mismatch(one: &CelType<'_>, other: &CelType<'_>) -> CheckError {
    CheckError::refused(format!("{} and {} do not go together", one.told(), other.told()))
}

/// Sizes of several parts, as those of a list's items.
fn sizes(parts: &[CheckedExpression<'_>]) -> SizeBounds {
    parts.iter().map(CheckedExpression::size_or_unknown).reduce(SizeBounds::union).unwrap_or(SizeBounds::fixed(0))
}

impl<'s> TypeChecker<'s> {
    pub fn check(&mut self, tree: &Expression) -> CheckResult<'s> {
        Ok(match tree {
            Expression::Null => {
                CheckedExpression { size: Some(SizeBounds::fixed(1)), ..CheckedExpression::new(CelType::Null, 0) }
            }
            Expression::Bool(_) => CheckedExpression::new(CelType::Bool, 0),
            Expression::Int(_) => CheckedExpression::new(CelType::Int, 0),
            Expression::Uint(_) => CheckedExpression::new(CelType::Uint, 0),
            Expression::Double(_) => CheckedExpression::new(CelType::Double, 0),
            Expression::Text(text) => literal(CelType::String, text.chars().count()),
            Expression::Bytes(bytes) => literal(CelType::Bytes, bytes.len()),
            Expression::Type(name) => self.named(CheckedExpression {
                path: vec![(*name).to_owned()],
                ..CheckedExpression::new(CelType::Type, 1)
            }),
            Expression::Variable(place) => self.variable(*place)?,
            Expression::Chain(base, accesses) => self.chain(base, accesses)?,
            Expression::Has(base, accesses) => self.has(base, accesses)?,
            Expression::List(items) => self.list(items)?,
            Expression::Map(entries) => self.map(entries)?,
            Expression::Not(inner) => self.operator("!_", &[inner])?,
            Expression::And(one, other) => self.operator("_&&_", &[one, other])?,
            Expression::Or(one, other) => self.operator("_||_", &[one, other])?,
            Expression::If(test, yes, no) => self.conditional(test, yes, no)?,
            Expression::Else(optional, other, plain) => {
                let parts = [self.check(optional)?, self.check(other)?];
                self.named_call(if *plain { "orValue" } else { "or" }, true, &parts)?
            }
            Expression::Call(function, args) => self.call(function, args)?,
            Expression::InNothing(value) => {
                let value = self.check(value)?;
                CheckedExpression::new(CelType::Bool, value.cost.saturating_add(NEW_LIST))
            }
            Expression::Fold(fold) => folds::fold(self, fold)?,
            Expression::Within(target, body, flat) => folds::within(self, target, body, *flat)?,
        })
    }

    /// Variables of a macro, in reach for what is checked by `work`.
    pub fn with<T>(&mut self, variables: Vec<CheckedExpression<'s>>, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.variables.len();
        self.variables.extend(variables);
        let done = work(self);
        self.variables.truncate(before);
        done
    }

    /// A size is looked up in the schema first, then it is that of the type.
    fn looked_up(&self, path: &[String]) -> Option<SizeBounds> {
        let most = if path.is_empty() { None } else { self.root.max_elements_at(&path[1..]) };
        most.map(|max| SizeBounds { min: 0, max })
    }

    /// The part, its size as the schema at its path tells it.
    fn named(&self, part: CheckedExpression<'s>) -> CheckedExpression<'s> {
        CheckedExpression { size: self.looked_up(&part.path).or(part.size), ..part }
    }

    /// The size of a variable.
    pub fn size_of(&self, variable: &CheckedExpression<'s>) -> SizeBounds {
        self.looked_up(&variable.path).unwrap_or_else(|| variable.size_or_unknown())
    }

    fn variable(&self, place: usize) -> CheckResult<'s> {
        let variable = self.variables.get(place).cloned();
        let variable = variable.ok_or_else(|| CheckError::NotChecked("a variable that is none".to_owned()))?;
        Ok(self.named(CheckedExpression { cost: 1, ..variable }))
    }

    fn chain(&mut self, base: &Expression, accesses: &[MemberAccess]) -> CheckResult<'s> {
        let mut part = self.check(base)?;
        for access in accesses {
            part = match &access.key {
                Expression::Text(name) if access.field => self.select(&part, name, access.optional)?,
                key => self.index(part, key, access.optional)?,
            };
        }
        Ok(part)
    }

    fn select(&mut self, operand: &CheckedExpression<'s>, name: &str, optional: bool) -> CheckResult<'s> {
        let target = self.types.substitute(&operand.kind);
        let kind = self.field(&target, name, optional)?;
        if optional {
            return Ok(CheckedExpression::new(kind, operand.cost.saturating_add(1)));
        }
        let own = u64::from(matches!(target, CelType::Map(..) | CelType::Object(_) | CelType::Param(_)));
        let path = operand.path.iter().cloned().chain([name.to_owned()]).collect();
        Ok(self.named(CheckedExpression { path, ..CheckedExpression::new(kind, operand.cost.saturating_add(own)) }))
    }

    /// The type of a field; of an optional it is optional as well.
    fn field(&mut self, target: &CelType<'s>, name: &str, optional: bool) -> Result<CelType<'s>, CheckError> {
        let (inner, optional) = match target {
            CelType::Optional(inner) => (&**inner, true),
            other => (other, optional),
        };
        let kind = match inner {
            CelType::Map(_, value) => (**value).clone(),
            CelType::Object(node) => node.visible_field(name).map(|(_, kind)| kind).ok_or_else(|| {
                let help = suggest(name, node.visible_names().iter().map(String::as_str));
                CheckError::Refused { message: format!("there is no field `{name}`"), help }
            })?,
            CelType::Param(_) => {
                self.types.assign(&CelType::Dyn, inner);
                CelType::Dyn
            }
            CelType::Dyn => CelType::Dyn,
            other => return Err(CheckError::refused(format!("{} has no field `{name}`", other.told()))),
        };
        Ok(if optional { CelType::optional(kind) } else { kind })
    }

    fn index(&mut self, from: CheckedExpression<'s>, key: &Expression, optional: bool) -> CheckResult<'s> {
        let parts = [from, self.check(key)?];
        let found = self.named_call(if optional { "_[?_]" } else { "_[_]" }, false, &parts)?;
        let [from, _] = parts;
        let step = match self.types.substitute(&from.kind) {
            CelType::List(_) => "@items",
            CelType::Map(..) | CelType::Dyn => "@values",
            _ => return Ok(found),
        };
        if optional {
            return Ok(found);
        }
        let path: Vec<String> = from.path.iter().cloned().chain([step.to_owned()]).collect();
        let size = from.entry.map(|entry| entry.value).or_else(|| self.looked_up(&path)).or(found.size);
        Ok(CheckedExpression { path, size, ..found })
    }

    fn has(&mut self, base: &Expression, accesses: &[MemberAccess]) -> CheckResult<'s> {
        let Some((last, before)) = accesses.split_last() else {
            return Err(CheckError::refused("`has` takes a field".to_owned()));
        };
        let operand = self.chain(base, before)?;
        if let Expression::Text(name) = &last.key {
            let target = self.types.substitute(&operand.kind);
            self.field(&target, name, false)?;
        }
        Ok(CheckedExpression::new(CelType::Bool, operand.cost))
    }

    /// The type of a literal's elements, of which some may be optional.
    fn common(&mut self, parts: &[(CheckedExpression<'s>, bool)]) -> Result<CelType<'s>, CheckError> {
        let mut common: Option<CelType<'s>> = None;
        let mut first: Option<CelType<'s>> = None;
        for (part, optional) in parts {
            let kind = match (optional, self.types.substitute(&part.kind)) {
                (false, kind) | (true, kind @ CelType::Dyn) => kind,
                (true, CelType::Optional(inner)) => *inner,
                (true, other) => return Err(CheckError::refused(format!("{} is no optional", other.told()))),
            };
            common = Some(match common {
                None => kind.clone(),
                Some(common) => self.types.join(&common, &kind).unwrap_or(CelType::Dyn),
            });
            match &first {
                Some(first) if self.formats == 0 => self.alike.push((first.clone(), kind)),
                Some(_) => {}
                None => first = Some(kind),
            }
        }
        Ok(common.unwrap_or_else(|| self.types.fresh()))
    }

    fn list(&mut self, items: &[(Expression, bool)]) -> CheckResult<'s> {
        let parts = items.iter().map(|(item, optional)| Ok((self.check(item)?, *optional)));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let item = self.common(&parts)?;
        let parts: Vec<_> = parts.into_iter().map(|(part, _)| part).collect();
        Ok(CheckedExpression {
            size: Some(SizeBounds::fixed(items.len() as u64)),
            entry: Some(EntrySizes { list: true, key: SizeBounds::fixed(1), value: sizes(&parts) }),
            ..CheckedExpression::new(CelType::list(item), sum(parts.iter().map(|part| part.cost).chain([NEW_LIST])))
        })
    }

    fn map(&mut self, entries: &[(Expression, Expression, bool)]) -> CheckResult<'s> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (key, value, optional) in entries {
            keys.push((self.check(key)?, false));
            values.push((self.check(value)?, *optional));
        }
        let kind = CelType::map(self.common(&keys)?, self.common(&values)?);
        let [keys, values] = [keys, values].map(|parts| parts.into_iter().map(|(part, _)| part).collect::<Vec<_>>());
        Ok(CheckedExpression {
            size: Some(SizeBounds::fixed(keys.len() as u64)),
            entry: Some(EntrySizes { list: false, key: sizes(&keys), value: sizes(&values) }),
            ..CheckedExpression::new(kind, sum(keys.iter().chain(&values).map(|part| part.cost).chain([NEW_MAP])))
        })
    }

    fn operator(&mut self, name: &str, args: &[&Expression]) -> CheckResult<'s> {
        let parts = args.iter().map(|arg| self.check(arg)).collect::<Result<Vec<_>, _>>()?;
        self.named_call(name, false, &parts)
    }

    fn conditional(&mut self, test: &Expression, yes: &Expression, no: &Expression) -> CheckResult<'s> {
        let parts = [self.check(test)?, self.check(yes)?, self.check(no)?];
        let found = self.named_call("_?_:_", false, &parts)?;
        let [test, yes, no] = parts;
        // of the two branches only one is taken
        let cost = test.cost.saturating_add(yes.cost.max(no.cost));
        Ok(CheckedExpression { cost, entry: EntrySizes::union(yes.entry, no.entry), ..found })
    }

    fn call(&mut self, function: &'static CelFunction, args: &[Expression]) -> CheckResult<'s> {
        let formats = usize::from(function.name == "format");
        self.formats += formats;
        let parts = args.iter().map(|arg| self.check(arg)).collect::<Result<Vec<_>, _>>();
        self.formats -= formats;
        let parts = parts?;
        let literals: Vec<_> = args
            .iter()
            .map(|arg| match arg {
                Expression::Int(number) => Some(*number),
                _ => None,
            })
            .collect();
        let found = self.resolve(function, &parts, &literals)?;
        self.literals(function, args)?;
        let [one, more @ ..] = &parts[..] else { return Ok(found) };
        Ok(match (function.name, more) {
            // to hide a type changes no size
            ("dyn", _) => CheckedExpression { size: one.size, entry: one.entry, ..found },
            ("_+_", [other]) => CheckedExpression { entry: EntrySizes::union(one.entry, other.entry), ..found },
            _ => found,
        })
    }

    /// A call of a function of the table, whose arguments have been checked.
    pub fn named_call(&mut self, name: &str, method: bool, parts: &[CheckedExpression<'s>]) -> CheckResult<'s> {
        let function = functions::find(name, method);
        let function = function.ok_or_else(|| CheckError::NotChecked(format!("`{name}`")))?;
        self.resolve(function, parts, &[])
    }

    fn resolve(
        &mut self,
        function: &CelFunction,
        parts: &[CheckedExpression<'s>],
        literals: &[Option<i64>],
    ) -> CheckResult<'s> {
        let mut result: Option<CelType<'s>> = None;
        let mut matching: Vec<&FunctionOverload> = Vec::new();
        for overload in function.overloads.iter().filter(|overload| overload.params.len() == parts.len()) {
            let signature: Vec<_> = overload.params.iter().chain([&overload.result]).collect();
            let signature = self.types.instantiate(&signature);
            let (given, params) = (parts.iter().map(|part| &part.kind), &signature[..parts.len()]);
            if !self.types.assign_all(given.zip(params)) {
                continue;
            }
            matching.push(overload);
            let kind = self.types.substitute(&signature[parts.len()]);
            result = Some(match result {
                Some(before) if !before.is(&kind) => CelType::Dyn,
                Some(before) => before,
                None => kind,
            });
        }
        let Some(kind) = result else { return Err(self.unfit(function, parts)) };
        let CallCost { cost, size } = self.cost(function, &matching, parts, literals);
        let found = CheckedExpression::new(kind, sum(parts.iter().map(|part| part.cost).chain([cost])));
        Ok(CheckedExpression { size: size.or(found.size), ..found })
    }

    /// The highest cost of the overloads that fit; there is more than one where types are not known.
    fn cost(
        &self,
        function: &CelFunction,
        matching: &[&FunctionOverload],
        parts: &[CheckedExpression<'s>],
        literals: &[Option<i64>],
    ) -> CallCost {
        let sizes: Vec<_> = parts.iter().map(|part| part.size).collect();
        let types: Vec<_> = parts.iter().map(|part| self.types.substitute(&part.kind)).collect();
        let item = parts.first().filter(|first| !first.path.is_empty()).and_then(|first| {
            let path: Vec<_> = first.path.iter().cloned().chain(["@items".to_owned()]).collect();
            self.looked_up(&path)
        });
        let item = item.unwrap_or(SizeBounds::UNKNOWN);
        let costs = matching.iter().map(|overload| {
            (function.cost)(&CallSizes { params: &overload.params, sizes: &sizes, literals, types: &types, item })
        });
        costs.fold(CallCost { cost: 0, size: None }, |all, one| CallCost {
            cost: all.cost.max(one.cost),
            size: match (all.size, one.size) {
                (Some(all), Some(one)) => Some(all.union(one)),
                (all, one) => all.or(one),
            },
        })
    }

    fn unfit(&self, function: &CelFunction, parts: &[CheckedExpression<'s>]) -> CheckError {
        let types: Vec<_> = parts.iter().map(|part| self.types.substitute(&part.kind)).collect();
        match (function.name, &types[..]) {
            ("_==_" | "_!=_", [one, other]) => return mismatch(one, other),
            ("_?_:_", [CelType::Bool | CelType::Dyn, yes, no]) => return mismatch(yes, no),
            _ => {}
        }
        let told: Vec<String> = types.iter().map(CelType::told).collect();
        let name = function.name.trim_matches(['_', '@']);
        CheckError::refused(match (function.method, told.split_first()) {
            (true, Some((target, []))) => format!("`{name}` is nothing that {target} has"),
            (true, Some((target, rest))) => format!("`{name}` of {target} does not take {}", rest.join(" and ")),
            _ => format!("`{name}` does not take {}", told.join(" and ")),
        })
    }

    /// Literals that the API server looks into when a CRD is installed.
    fn literals(&self, function: &'static CelFunction, args: &[Expression]) -> Result<(), CheckError> {
        match (function.name, args) {
            ("matches", [_, Expression::Text(pattern)]) => {
                regexp::check(pattern).map_err(|error| CheckError::refused(format!("invalid pattern: {error}")))
            }
            ("format", [Expression::Text(text), Expression::List(items)]) => self.format(text, items),
            (name, [arg]) if convert::CONVERSIONS.contains(&name) => {
                match constant(arg).map(|arg| arg.and_then(|arg| function.call(vec![arg]))) {
                    Some(Err(EvaluationError::Error(error))) => Err(CheckError::refused(error)),
                    Some(Err(EvaluationError::NotChecked(why))) => Err(CheckError::NotChecked(why)),
                    Some(Ok(_)) | None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn format(&self, text: &str, items: &[(Expression, bool)]) -> Result<(), CheckError> {
        let clauses = match format::clauses(text) {
            Ok(clauses) => clauses,
            Err(EvaluationError::Error(error)) => return Err(CheckError::refused(error)),
            Err(EvaluationError::NotChecked(why)) => return Err(CheckError::NotChecked(why)),
        };
        if clauses.len() != items.len() {
            let message = format!("`format` has {} clauses and {} arguments", clauses.len(), items.len());
            return Err(CheckError::refused(message));
        }
        for (clause, (item, _)) in clauses.into_iter().zip(items) {
            // the type has been checked as part of the list
            let mut checker =
                Self { types: self.types.clone(), variables: self.variables.clone(), alike: Vec::new(), ..*self };
            let kind = checker.check(item)?.kind;
            let kind = checker.types.settled(&kind);
            if !format::takes(clause, &kind) {
                return Err(CheckError::refused(format!("`%{clause}` does not take {}", kind.told())));
            }
        }
        Ok(())
    }
}

fn literal(kind: CelType<'_>, size: usize) -> CheckedExpression<'_> {
    CheckedExpression { size: Some(SizeBounds::fixed(size as u64)), ..CheckedExpression::new(kind, 0) }
}

/// The value of a literal, or of conversions of one.
fn constant(tree: &Expression) -> Option<super::value::Evaluated<'_>> {
    match tree {
        Expression::Call(function, args) if convert::CONVERSIONS.contains(&function.name) => match &args[..] {
            [arg] => constant(arg).map(|arg| arg.and_then(|arg| function.call(vec![arg]))),
            _ => None,
        },
        tree => tree.literal().map(Ok),
    }
}
