//! JSON Schema, as far as the program's schemas use it.

use serde_json::Value;

/// Whether `value` is valid by `schema`. A keyword that is not known here fails the test.
pub(crate) fn is_valid(value: &Value, schema: &Value) -> bool {
    check(value, schema, schema)
}

fn check(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return schema.as_bool().unwrap() };
    let list = |rule: &'_ Value| rule.as_array().unwrap().clone();
    keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "format" | "default" => true,
        "$ref" => check(value, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), root),
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| is_of(value, one)),
            one => is_of(value, one),
        },
        "const" => value == rule,
        "enum" => list(rule).contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "required" => list(rule).iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            let properties = rule.as_object().unwrap();
            properties.iter().all(|(name, rule)| value.get(name).is_none_or(|one| check(one, rule, root)))
        }
        "additionalProperties" => {
            assert_eq!(rule, false);
            let known = |name: &String| schema["properties"].get(name).is_some();
            value.as_object().is_none_or(|object| object.keys().all(known))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| check(item, rule, root))),
        "anyOf" => list(rule).iter().any(|one| check(value, one, root)),
        "oneOf" => list(rule).iter().filter(|one| check(value, one, root)).count() == 1,
        unknown => panic!("keyword {unknown}"),
    })
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        unknown => panic!("type {unknown}"),
    }
}
