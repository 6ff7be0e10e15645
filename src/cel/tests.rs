use super::*;
use crate::kube_schema::SchemaNode;
use serde_json::json;

fn verdict(rule: &str, schema: &Value, value: &Value) -> Option<RuleFailure> {
    let rule = CelRule::compile(&json!({"rule": rule, "message": "no", "optionalOldSelf": rule.contains("oldSelf")}));
    let rule = rule.unwrap();
    assert_eq!(rule.unsupported(), None);
    let node = SchemaNode::compile(schema, &mut Vec::new());
    let checked = rule.verdict(&node, 1, false);
    assert!(matches!(checked, RuleVerdict::Cost { .. }), "{}: {checked:?}", rule.text);
    rule.check(&super::value(&node, value))
}

/// Each true in Kubernetes.
#[test]
fn what_kubernetes_adds_is_there() {
    let schema = json!({"type": "object", "properties": {
        "text": {"type": "string"}, "whole": {"type": "integer"}, "share": {"type": "number"},
        "list": {"type": "array", "items": {"type": "integer"}}, "a-b": {"type": "string"},
        "in": {"type": "string"}, "missing": {"type": "integer"}, "one_two": {"type": "string"},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
    }});
    let value = json!({
        "text": "Abc 12", "whole": 3, "share": 1, "list": [1, 2, 5], "a-b": "x", "in": "y", "one_two": "z",
        "map": {"a-b": "c"}, "unknown": 1,
    });
    for rule in [
        "self.text.matches('^[A-Z]')",
        "!'\u{a0}'.matches('^\\\\s$')",
        "self.text.find('[0-9]+') == '12'",
        "self.text.findAll('[a-z]') == ['b', 'c']",
        "self.text.findAll('[a-z]', 1) == ['b']",
        "type(self.whole) == int && self.whole == 3",
        "type(self.share) == double",
        "self.list.isSorted() && self.list.sum() == 8 && self.list.min() == 1 && self.list.max() == 5",
        "self.list.indexOf(5) == 2 && self.list.lastIndexOf(9) == -1",
        "sets.contains(self.list, [1, 2]) && !sets.equivalent(self.list, [1]) && sets.intersects([1], self.list)",
        "self.a__dash__b == 'x' && self.__in__ == 'y' && self.one_two == 'z'",
        "self.map['a-b'] == 'c' && 'a-b' in self.map",
        "!has(self.missing)",
        "self.?text.orValue('') == 'Abc 12' && self.text.lowerAscii().trim().split(' ').size() == 2",
        "self.list.all(x, x > 0) && self.list.exists(x, x == 2) && self.list.map(x, x * 2) == [2, 4, 10]",
        "!oldSelf.hasValue()",
        "'a-b'.replace('-', '+') == 'a+b' && ['a', 'b'].join(',') == 'a,b'",
    ] {
        assert_eq!(verdict(rule, &schema, &value), None, "{rule}");
    }
    assert!(matches!(verdict("self.whole > 3", &schema, &value), Some(RuleFailure::Refused { .. })));
    assert!(matches!(verdict("self.missing == 1", &schema, &value), Some(RuleFailure::Error { .. })));
}

#[test]
fn what_kubernetes_has_not_gives_no_verdict() {
    for rule in ["math.greatest(1, 2) == 2", "cel.bind(x, 1, x == 1)", "base64.encode(b'a') == ''", "self.reverse(1)"] {
        assert!(CelRule::compile(&json!({"rule": rule})).unwrap().unsupported().is_some(), "{rule}");
    }
}

/// Each true in Kubernetes.
#[test]
fn libraries_are_there() {
    let schema = json!({"type": "object", "properties": {
        "memory": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
        "after": {"type": "string", "format": "duration"}, "port": {"x-kubernetes-int-or-string": true},
        "key": {"type": "string", "format": "byte"},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    }});
    let value = json!({
        "memory": "1Gi", "at": "2024-02-29T12:30:00+02:00", "after": "1d", "port": "80%", "key": "YWI=", "set": ["a", "b"],
    });
    for rule in [
        "quantity(self.memory).isGreaterThan(quantity('1G')) && quantity('1k').asInteger() == 1000",
        "quantity('1').add(2).sub(quantity('500m')).compareTo(quantity('2.5')) == 0 && sign(quantity('-1')) == -1",
        "ip('::1').family() == 6 && ip('127.0.0.1').isLoopback() && !ip.isCanonical('::0001') && string(ip('::1')) == '::1'",
        "cidr('10.1.0.0/8').containsIP('10.2.3.4') && string(cidr('10.1.0.0/8').masked()) == '10.0.0.0/8'",
        "url('https://a:1/b?c=d').getHostname() == 'a' && url('/x?a=1&a=2').getQuery()['a'] == ['1', '2']",
        "semver('v1.2', true).isLessThan(semver('1.2.1-a')) && isSemver('1.0.0') && !isSemver('1')",
        "self.at.getHours() == 10 && self.at.getHours('+02:00') == 12 && self.at + duration('1h') > self.at",
        "self.after == duration('24h') && self.after.getMinutes() == 1440",
        "type(self.port) == string && type(self.key) == bytes && self.key == b'ab'",
        "format.dns1123Label().validate('a.b').value() == ['must not contain dots']",
        "format.named('uuid').hasValue() && !format.named('x').hasValue() && !format.uri().validate('/a').hasValue()",
        "self.set == ['b', 'a'] && self.set + ['a', 'c'] == ['c', 'b', 'a']",
        "self.set.all(i, v, i < 2 && v != 'c') && self.set.transformMap(i, v, v + 'x')[1] == 'bx'",
        "[3, 1, 2].sort() == [1, 2, 3] && ['aa', 'b'].sortBy(x, x.size())[0] == 'b' && lists.range(3) == [0, 1, 2]",
        "self.?memory.optMap(m, m + '!').orValue('') == '1Gi!' && [self.?set, self.?other].unwrapOpt().size() == 1",
        "1 < 1.5 && dyn(1u) == 1 && dyn(2) in [1.0, 2.0] && !(1 / 0 in []) && !(1 == dyn('1')) && {'a': 1}.all(k, k == 'a')",
        "'%s is %d, %.1f'.format(['a', 1, 2.5]) == 'a is 1, 2.5' && 'é'.size() == 1",
        "(1 / 0 == 1 || true) && [1, 0].exists(x, 1 / x == 1) && [0, 1].filter(x, x > 0).sum() == 1",
    ] {
        let rule = rule.replace("self.?other", "optional.none()");
        assert_eq!(verdict(&rule, &schema, &value), None, "{rule}");
    }
}

#[test]
fn messages_are_made() {
    let node = SchemaNode::compile(&json!({"type": "string"}), &mut Vec::new());
    let told = |expression: &str| {
        let rule = json!({"rule": "false", "message": " plain ", "messageExpression": expression});
        match CelRule::compile(&rule).unwrap().check(&super::value(&node, &json!("x"))) {
            Some(RuleFailure::Refused { message, .. }) => message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told("'got ' + self + ' '"), "got x");
    for expression in ["''", "'a\\nb'", "self[0]", "' '"] {
        assert_eq!(told(expression), "plain", "{expression}");
    }
}

#[test]
fn transitions_say_nothing_on_a_creation() {
    let rule = CelRule::compile(&json!({"rule": "self == oldSelf"})).unwrap();
    let node = SchemaNode::compile(&json!({"type": "string"}), &mut Vec::new());
    assert_eq!(rule.check(&super::value(&node, &json!("x"))), None);
}

#[test]
fn what_kubernetes_refuses_is_refused() {
    let schema = json!({"type": "object", "properties": {
        "name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}},
        "either": {"x-kubernetes-int-or-string": true},
    }});
    let node = SchemaNode::compile(&schema, &mut Vec::new());
    for rule in [
        "!has(self.unknown)",
        "1u == 1",
        "2 in [1.0, 2.0]",
        "self.name",
        "self.either",
        "self.nmae == ''",
        "self.tags.all(t, t)",
        "self.name.lower() == ''",
        "slef.name == ''",
        "self.name != null",
        "[1, 'a'].size() == 2",
        "quantity(self.name).sign() == 1",
        "'%s'.format([]) == ''",
        "int('a') == 1",
    ] {
        let verdict = CelRule::compile(&json!({"rule": rule})).unwrap().verdict(&node, 1, false);
        assert!(matches!(verdict, RuleVerdict::Refused { .. }), "{rule}: {verdict:?}");
    }
    // below a list nothing is the same as before a change
    let list = SchemaNode::compile(&json!({"type": "string"}), &mut Vec::new());
    let rule = CelRule::compile(&json!({"rule": "self == oldSelf"})).unwrap();
    assert!(matches!(rule.verdict(&list, 1, true), RuleVerdict::Refused { .. }));
    assert!(matches!(rule.verdict(&list, 1, false), RuleVerdict::Cost { .. }));
}
