//! The slugs of names that the rule does not give, found in the addresses of the sample.

use hashbrown::HashMap;

use super::dictionary::Entries;
use crate::segment::column::slug;

/// Gives every entry whose slug by rule is none, or not what addresses have, one of its own. `rows` are names
/// with the primary addresses beside them.
pub(super) fn find<'s>(entries: &mut Entries, rows: impl Iterator<Item = (&'s str, &'s str)>) {
    let mut forms: HashMap<u32, Vec<(String, u32)>> = HashMap::new();
    for ((name, _), code) in entries.values.iter().zip(0_u32..) {
        let candidates = candidates(name);
        if candidates.len() > 1 || (!name.is_ascii() && !candidates.is_empty()) {
            forms.insert(code, candidates.into_iter().map(|form| (form, 0)).collect());
        }
    }
    for (name, email) in rows {
        let Some(forms) = entries.code(name).and_then(|code| forms.get_mut(&code)) else { continue };
        let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
        // The longest form that is met wins: "vandenberg" also holds "van".
        let met = forms.iter_mut().filter(|(form, _)| contains_ignoring_case(local, form));
        if let Some((_, count)) = met.max_by_key(|(form, _)| form.len()) {
            *count += 1;
        }
    }
    for (code, forms) in forms {
        let first = forms.first().map(|(form, _)| form.clone());
        let most = forms.into_iter().rev().max_by_key(|(_, count)| *count).map(|(form, _)| form);
        let name = &entries.values[code as usize].0;
        let mut by_rule = name.as_bytes().to_vec();
        slug::make(&mut by_rule, 0);
        let chosen = most.or(first).filter(|form| form.as_bytes() != by_rule && form.len() < 255);
        entries.set_slug(code, chosen.map(Into::into));
    }
}

/// Forms that a name may have in addresses, most usual first: transliterated, with and without hyphens, with
/// umlauts as two letters, blanks as dots or hyphens.
fn candidates(name: &str) -> Vec<String> {
    if name.is_empty() || name.len() > slug::NAME_BYTES_MAX {
        return Vec::new();
    }
    let plain = deunicode::deunicode(name).to_ascii_lowercase();
    let german: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'ä' => "ae".into(),
            'ö' => "oe".into(),
            'ü' => "ue".into(),
            other => deunicode::deunicode(other.encode_utf8(&mut [0; 4])).to_ascii_lowercase(),
        })
        .collect::<String>();
    let mut forms = Vec::new();
    for text in [plain, german] {
        let kept = |keep: fn(char) -> bool| {
            text.chars().filter(|&c| c.is_ascii_alphanumeric() || keep(c)).collect::<String>()
        };
        for form in [
            kept(|c| c == '-'),
            kept(|_| false),
            kept(|c| c == '-' || c == ' ').trim().replace(' ', "."),
            kept(|c| c == '-' || c == ' ').trim().replace(' ', "-"),
            kept(|c| c == '-' || c == ' ').trim().replace(' ', "_"),
        ] {
            if !form.is_empty() && !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

fn contains_ignoring_case(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::super::dictionary::choose;
    use super::*;
    use crate::builder::counts::Counted;

    #[test]
    fn the_form_that_addresses_have_becomes_the_slug() {
        let rows = [
            ("Jürgen", "juergen.a@x.example"),
            ("Björn", "bjorn.b@x.example"),
            ("前田", "yi.qiantian@x.example"),
            ("Anne-Marie", "annemarie@x.example"),
            ("Van Dam", "a.vandam@x.example"),
            ("Toivo", "toivo@x.example"),
        ];
        let values = rows.iter().map(|row| (row.0.into(), 100)).collect();
        let mut entries = choose(Counted { values, rows: 600 }, 600, 0).entries;
        find(&mut entries, rows.into_iter());
        let slug = |name| entries.slug(entries.code(name).unwrap());
        assert_eq!(slug("Jürgen"), Some("juergen"));
        assert_eq!(slug("Björn"), Some("bjorn"));
        assert_eq!(slug("前田"), Some("qiantian"));
        assert_eq!(slug("Anne-Marie"), Some("annemarie"));
        assert_eq!(slug("Van Dam"), None, "as the rule says");
        assert_eq!(slug("Toivo"), None);
    }
}
