//! Functions of lists: those of Kubernetes, the third version of cel-go's library, and sets.

#![expect(clippy::unnecessary_wraps, reason = "a function of the language may fail, whether it does or not")]

use std::cmp::Ordering;

use super::arithmetic;
use super::equality::{contains, equal, order};
use super::value::{CelList, CelValue, Evaluated, EvaluationError, NumberType, error, no_overload};

pub fn is_sorted<'v>(list: &CelList<'v>) -> Evaluated<'v> {
    let mut before: Option<CelValue<'v>> = None;
    for item in list.iter() {
        let item = comparable(item)?;
        if let Some(before) = before
            && order(&before, &item).is_ok_and(|order| order == Ordering::Greater)
        {
            return Ok(CelValue::Bool(false));
        }
        before = Some(item);
    }
    Ok(CelValue::Bool(true))
}

fn comparable(item: CelValue<'_>) -> Evaluated<'_> {
    match item.sound()? {
        item @ (CelValue::Bool(_)
        | CelValue::Int(_)
        | CelValue::Uint(_)
        | CelValue::Double(_)
        | CelValue::Zero
        | CelValue::Text(_)
        | CelValue::Bytes(_)
        | CelValue::Duration(_)
        | CelValue::Time(_)) => Ok(item),
        _ => no_overload(),
    }
}

pub fn sum<'v>(list: &CelList<'v>) -> Evaluated<'v> {
    let mut sum = list.zero().map_or(CelValue::Zero, NumberType::value);
    for item in list.iter() {
        match item.sound()? {
            item @ (CelValue::Int(_)
            | CelValue::Uint(_)
            | CelValue::Double(_)
            | CelValue::Duration(_)
            | CelValue::Zero) => {
                sum = arithmetic::add(sum, item)?;
            }
            _ => return no_overload(),
        }
    }
    Ok(sum)
}

/// The first of the least, or of the greatest.
pub fn extreme<'v>(list: &CelList<'v>, wanted: Ordering, name: &str) -> Evaluated<'v> {
    let mut found: Option<CelValue<'v>> = None;
    for item in list.iter() {
        let item = comparable(item)?;
        // what cannot be ordered, such as NaN, changes nothing
        if found.as_ref().is_none_or(|best| order(&item, best).is_ok_and(|order| order == wanted)) {
            found = Some(item);
        }
    }
    found.map_or_else(|| error(format!("{name} called on empty list")), Ok)
}

fn position<'v>(at: Option<usize>) -> Evaluated<'v> {
    Ok(CelValue::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)))
}

fn is_at<'v>(list: &CelList<'v>, at: usize, wanted: &CelValue<'v>) -> bool {
    let Some(item) = list.get(at) else { return false };
    equal(&item, wanted).unwrap_or(false)
}

pub fn index_of<'v>(list: &CelList<'v>, wanted: &CelValue<'v>) -> Evaluated<'v> {
    position((0..list.len()).find(|at| is_at(list, *at, wanted)))
}

pub fn last_index_of<'v>(list: &CelList<'v>, wanted: &CelValue<'v>) -> Evaluated<'v> {
    position((0..list.len()).rfind(|at| is_at(list, *at, wanted)))
}

pub fn join<'v>(list: &CelList<'v>, separator: &str) -> Evaluated<'v> {
    let mut joined = String::new();
    for (at, item) in list.iter().enumerate() {
        let CelValue::Text(text) = item.sound()? else { return error("join: invalid input") };
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
    Ok(CelValue::text(joined))
}

pub fn slice<'v>(list: &CelList<'v>, start: i64, end: i64) -> Evaluated<'v> {
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end && end <= list.len() => {
            Ok(CelValue::list(list.iter().skip(start).take(end - start).collect()))
        }
        _ => error(format!("cannot slice({start}, {end})")),
    }
}

/// Lists within the list, down to a depth, in place of what they hold.
pub fn flatten<'v>(list: &CelList<'v>, depth: i64) -> Result<Vec<CelValue<'v>>, EvaluationError> {
    if depth < 0 {
        return error("level must be non-negative");
    }
    let mut flat = Vec::new();
    for item in list.iter() {
        match item {
            CelValue::List(inner) if depth > 0 => flat.extend(flatten(&inner, depth - 1)?),
            item => flat.push(item),
        }
    }
    Ok(flat)
}

/// 0, 1 ... as many as that.
pub fn range<'v>(count: i64) -> Evaluated<'v> {
    const MOST: i64 = 10_000_000;
    if count > MOST {
        // the server runs out of its budget before
        return Err(EvaluationError::NotChecked("a list of so many items is too large".to_owned()));
    }
    Ok(CelValue::list((0..count).map(CelValue::Int).collect()))
}

pub fn reverse<'v>(list: &CelList<'v>) -> CelValue<'v> {
    let mut items: Vec<_> = list.iter().collect();
    items.reverse();
    CelValue::list(items)
}

/// Without what comes again; of equal items the first stays.
pub fn distinct<'v>(list: &CelList<'v>) -> Evaluated<'v> {
    if list.len() == 0 {
        return Ok(CelValue::List(list.clone()));
    }
    let mut kept: Vec<CelValue<'v>> = Vec::new();
    for (at, item) in list.iter().enumerate() {
        // the server leaves out what stands at the same place of what was kept
        let seen = kept.iter().enumerate().any(|(place, other)| place != at && equal(&item, other).unwrap_or(false));
        if !seen {
            kept.push(item);
        }
    }
    Ok(CelValue::list(kept))
}

pub fn sort<'v>(list: &CelList<'v>) -> Evaluated<'v> {
    sort_by(list, list.iter().collect())
}

/// Sorted by a key for each item. Keys are of one type.
pub fn sort_by<'v>(list: &CelList<'v>, by: Vec<CelValue<'v>>) -> Evaluated<'v> {
    const SHORT: usize = 12;
    if by.is_empty() {
        return Ok(CelValue::List(list.clone()));
    }
    let keys: Vec<CelValue<'v>> = by.into_iter().map(comparable).collect::<Result<_, _>>()?;
    if keys.len() > 1 && keys.iter().any(|key| key.kind() != keys[0].kind()) {
        return error("list elements must have the same type");
    }
    let mut places: Vec<usize> = (0..keys.len()).collect();
    let ties = |sorted: &[usize]| {
        sorted.windows(2).any(|pair| order(&keys[pair[0]], &keys[pair[1]]).is_ok_and(Ordering::is_eq))
    };
    places.sort_by(|one, other| order(&keys[*one], &keys[*other]).unwrap_or(Ordering::Equal));
    // the sort of Go leaves items with equal keys in any order, but for short lists, which it sorts in place
    if places.len() > SHORT && ties(&places) && !list_is_keys(list, &keys) {
        return Err(EvaluationError::NotChecked("the order of items with equal keys is not known here".to_owned()));
    }
    Ok(CelValue::list(places.into_iter().filter_map(|place| list.get(place)).collect()))
}

/// Whether items are their own keys, so that equal ones cannot be told apart.
fn list_is_keys<'v>(list: &CelList<'v>, keys: &[CelValue<'v>]) -> bool {
    list.iter().zip(keys).all(|(item, key)| item.kind() == key.kind() && equal(&item, key).unwrap_or(false))
}

pub fn edge<'v>(list: &CelList<'v>, from_end: bool) -> Evaluated<'v> {
    let at = if from_end { list.len().checked_sub(1) } else { Some(0) };
    let found = at.and_then(|at| list.get(at)).map(CelValue::sound).transpose()?;
    Ok(found.map_or(CelValue::Optional(None), CelValue::some))
}

/// The values of those optionals that have one.
pub fn unwrap<'v>(list: &CelList<'v>) -> Evaluated<'v> {
    let mut values = Vec::new();
    for item in list.iter() {
        match item {
            CelValue::Optional(Some(value)) => values.push(std::rc::Rc::unwrap_or_clone(value)),
            CelValue::Optional(None) => {}
            _ => return error("value is not optional"),
        }
    }
    Ok(CelValue::list(values))
}

/// `sets.contains`.
pub fn holds_all<'v>(list: &CelList<'v>, wanted: &CelList<'v>) -> Result<bool, EvaluationError> {
    let all = CelValue::List(list.clone());
    for item in wanted.iter() {
        if !contains(&all, &item.sound()?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `sets.intersects`.
pub fn meet<'v>(one: &CelList<'v>, other: &CelList<'v>) -> Result<bool, EvaluationError> {
    let others = CelValue::List(other.clone());
    for item in one.iter() {
        match contains(&others, &item.sound()?) {
            Ok(true) => return Ok(true),
            Err(not_checked @ EvaluationError::NotChecked(_)) => return Err(not_checked),
            Ok(false) | Err(EvaluationError::Error(_)) => {}
        }
    }
    Ok(false)
}
