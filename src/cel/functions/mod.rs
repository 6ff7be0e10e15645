//! The functions that rules of CRDs may call in Kubernetes 1.36, operators included: what they take and give, what they
//! cost, what they do. The type checker, the estimate of costs and the evaluator all read this one table.

/// A table of functions: how they are called, their overloads, their cost, what they do.
macro_rules! functions {
    ($($how:ident $name:literal $(($($param:expr),*) -> $result:expr),+; $cost:ident => $work:expr;)*) => {
        vec![$(CelFunction::$how($name, $work)$(.takes([$($param),*], $result))+.costs(cost::$cost)),*]
    };
}

mod core;
mod kubernetes;
mod lists;
mod strings;

use std::sync::LazyLock;

use super::cost::{self, CostRule};
pub use lists::SORT_BY_KEYS;

use super::types::{CelType, LibraryType};
use super::value::{CelList, CelValue, Evaluated, EvaluationError, no_overload};

/// All functions. Of one name there is at most one that is called alone, and one that is called on a value.
pub static FUNCTIONS: LazyLock<Vec<CelFunction>> = LazyLock::new(|| {
    [core::functions(), strings::functions(), lists::functions(), kubernetes::functions()]
        .into_iter()
        .flatten()
        .collect()
});

/// What a function does; a method has its target as the first argument. The number of arguments has been checked.
type Implementation = for<'v> fn(&mut Arguments<'v>) -> Evaluated<'v>;

/// A function or an operator.
pub struct CelFunction {
    pub name: &'static str,
    /// It is called on a value, which counts as its first argument.
    pub method: bool,
    pub overloads: Vec<FunctionOverload>,
    pub cost: CostRule,
    work: Evaluation,
}

/// How a function is evaluated.
#[derive(Clone, Copy)]
enum Evaluation {
    Call(Implementation),
    /// By the evaluator itself: not all arguments are evaluated, or the first is not by itself.
    InPlace,
}

/// Types that a function takes together, and the type that it then gives.
#[derive(Debug)]
pub struct FunctionOverload {
    pub params: Vec<CelType<'static>>,
    pub result: CelType<'static>,
}

impl std::fmt::Debug for CelFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl CelFunction {
    fn new(name: &'static str, method: bool, work: Evaluation) -> Self {
        Self { name, method, overloads: Vec::new(), cost: cost::one, work }
    }

    fn global(name: &'static str, work: Implementation) -> Self {
        Self::new(name, false, Evaluation::Call(work))
    }

    fn method(name: &'static str, work: Implementation) -> Self {
        Self::new(name, true, Evaluation::Call(work))
    }

    /// An operator or a method that the evaluator handles where it stands.
    fn in_place(name: &'static str, method: bool) -> Self {
        Self::new(name, method, Evaluation::InPlace)
    }

    fn takes<const N: usize>(mut self, params: [CelType<'static>; N], result: CelType<'static>) -> Self {
        self.overloads.push(FunctionOverload { params: params.into(), result });
        self
    }

    /// One overload for each of several types.
    fn takes_each<const N: usize>(
        self,
        types: &[CelType<'static>],
        overload: impl Fn(CelType<'static>) -> ([CelType<'static>; N], CelType<'static>),
    ) -> Self {
        types.iter().cloned().map(overload).fold(self, |function, (params, result)| function.takes(params, result))
    }

    fn costs(self, cost: CostRule) -> Self {
        Self { cost, ..self }
    }

    /// Calls the function; the arguments have been evaluated.
    pub fn call<'v>(&self, args: Vec<CelValue<'v>>) -> Evaluated<'v> {
        match self.work {
            Evaluation::Call(work) => work(&mut Arguments { args }),
            Evaluation::InPlace => no_overload(),
        }
    }

    fn takes_as_many(&self, count: usize) -> bool {
        self.overloads.iter().any(|overload| overload.params.len() == count)
    }
}

/// The function of that name, which may have more than one part.
pub fn find(name: &str, method: bool) -> Option<&'static CelFunction> {
    FUNCTIONS.iter().find(|function| function.name == name && function.method == method)
}

/// As [`find`], by the number of arguments too; a target is one.
pub fn find_by_count(name: &str, method: bool, count: usize) -> Option<&'static CelFunction> {
    find(name, method).filter(|function| function.takes_as_many(count))
}

/// Arguments, to be taken one by one.
#[derive(Debug)]
pub struct Arguments<'v> {
    args: Vec<CelValue<'v>>,
}

impl<'v> Arguments<'v> {
    fn get(&self, at: usize) -> &CelValue<'v> {
        self.args.get(at).unwrap_or(&CelValue::Null)
    }

    fn given(&self, at: usize) -> Option<&CelValue<'v>> {
        self.args.get(at)
    }

    fn take(&mut self, at: usize) -> CelValue<'v> {
        self.args.get_mut(at).map_or(CelValue::Null, |arg| std::mem::replace(arg, CelValue::Null))
    }

    fn text(&self, at: usize) -> Result<&str, EvaluationError> {
        match self.get(at) {
            CelValue::Text(text) => Ok(text),
            _ => no_overload(),
        }
    }

    fn int(&self, at: usize) -> Result<i64, EvaluationError> {
        match self.get(at) {
            CelValue::Int(number) => Ok(*number),
            CelValue::Zero => Ok(0),
            _ => no_overload(),
        }
    }

    /// An argument that may be left out.
    fn optional_int(&self, at: usize) -> Result<Option<i64>, EvaluationError> {
        self.given(at).map(|_| self.int(at)).transpose()
    }

    fn list(&self, at: usize) -> Result<&CelList<'v>, EvaluationError> {
        match self.get(at) {
            CelValue::List(list) => Ok(list),
            _ => no_overload(),
        }
    }
}

fn list(item: CelType<'static>) -> CelType<'static> {
    CelType::list(item)
}

fn optional(value: CelType<'static>) -> CelType<'static> {
    CelType::optional(value)
}

/// Type parameters of signatures.
const A: CelType<'static> = CelType::Param(0);
const B: CelType<'static> = CelType::Param(1);

/// Types whose values have an order, in the order in which the server tries them.
const COMPARABLE: [CelType<'static>; 8] = [
    CelType::Int,
    CelType::Uint,
    CelType::Double,
    CelType::Bool,
    CelType::Duration,
    CelType::Timestamp,
    CelType::String,
    CelType::Bytes,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_for_each_way_of_calling_it() {
        for (at, function) in FUNCTIONS.iter().enumerate() {
            let same = |other: &&CelFunction| other.name == function.name && other.method == function.method;
            assert_eq!(FUNCTIONS.iter().filter(same).count(), 1, "{}", function.name);
            assert!(!function.overloads.is_empty(), "{at} {}", function.name);
        }
    }
}
