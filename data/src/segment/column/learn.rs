//! Sample → templates: which forms and which words are frequent enough to be worth a code.
//!
//! Every value of the sample is explained, and the explanations are counted by their text. Of an explanation
//! with a text or a number, `{given} {family} ({text})`, what stands in its place is counted too: what 0.02 % of the
//! sample have there (Contractor, or the 2 of a second Jane Smith) becomes a template with the word in it, which takes
//! its values from the more general one. What is not frequent adds to simpler explanations, at last to `{text}`.
//!
//! A value of a template without text and number needs nothing but its code, where others need the tail. So words are
//! taken as long as there are codes: of 10 million people 28 of 100 look-ups read a tail, where words of 0.1 % and
//! no numbers left 50, and a hit took 5 % less time. Half a byte a person is what the wider codes cost.

use std::collections::HashMap;

use super::explain::{Kind, Part, Parts, explain, join};
use super::piece::{TEXT_NAME, Template, TemplateText, literal_text, text_of};
use super::template::{Sources, TEMPLATES_MAX};

/// A template is kept if it has at least one of so many values: 0.02 %.
const VALUES_PER_TEMPLATE: u64 = 5_000;
/// A word or number is part of a template if one of so many values has it, 0.02 %, ...
const VALUES_PER_WORD: u64 = 5_000;
/// ... and at least so many: a small sample would be all words.
const WORD_COUNT_MIN: u64 = 8;

/// Templates for values like these, most frequent first. O(values), and memory for the distinct ones.
pub(super) fn templates<'s>(sample: impl Iterator<Item = (&'s str, Sources<'s>)>) -> Vec<Template> {
    let mut forms = Forms::default();
    for (value, sources) in sample {
        forms.add(value, &sources);
    }
    if forms.value_count == 0 {
        return Vec::new();
    }
    let mut frequent = forms.take_words();
    frequent.extend(forms.take_general());
    let order =
        |a: &(u64, Template), b: &(u64, Template)| b.0.cmp(&a.0).then_with(|| a.1.text.cmp(&b.1.text));
    frequent.sort_unstable_by(order);
    // Everything has a template: `{text}` has its place whatever its count.
    let text = frequent.iter().position(|(_, template)| *template.text == *TEXT_NAME);
    let text = text.map(|place| frequent.remove(place));
    frequent.truncate(TEMPLATES_MAX - 1);
    frequent.extend(text);
    frequent.sort_unstable_by(order);
    frequent.into_iter().map(|(_, template)| template).collect()
}

/// A form that values of the sample have, as the text of its template.
struct Form {
    text: Box<str>,
    /// The form that takes its place if it is rare, before `{text}` does.
    simpler: Option<Box<str>>,
    count: u64,
}

/// Where a word or number was met: the form, and which bytes of the form's text say `{text}` or `{digits:n}` instead.
#[derive(PartialEq, Eq, Hash)]
struct Place<'s> {
    form: usize,
    at: usize,
    end: usize,
    word: &'s str,
}

#[derive(Default)]
struct Forms<'s> {
    known: Vec<Form>,
    /// The form of a text.
    by_text: HashMap<Box<str>, usize>,
    words: HashMap<Place<'s>, u64>,
    value_count: u64,
}

impl<'s> Forms<'s> {
    fn add(&mut self, value: &'s str, sources: &Sources<'_>) {
        self.value_count += 1;
        let mut parts = Parts::new();
        explain(value, sources, &mut parts);
        let mut text = TemplateText::new();
        text_of(value, &parts, &mut text);
        let text = as_str(&text);
        let form = self.by_text.get(text).copied().unwrap_or_else(|| {
            let mut joined = parts.clone();
            let simpler = join(&mut joined).then(|| {
                let mut simpler = TemplateText::new();
                text_of(value, &joined, &mut simpler);
                as_str(&simpler).into()
            });
            self.known.push(Form { text: text.into(), simpler, count: 0 });
            self.by_text.insert(text.into(), self.known.len() - 1);
            self.known.len() - 1
        });
        self.known[form].count += 1;
        let is_told = |part: &Part| matches!(part.kind, Kind::Text | Kind::Digits);
        if parts.iter().any(is_told) {
            let mut before = TemplateText::new();
            for part in &parts {
                let at = before.len();
                text_of(value, std::slice::from_ref(part), &mut before);
                if is_told(part) {
                    let place = Place { form, at, end: before.len(), word: &value[part.start..part.end] };
                    *self.words.entry(place).or_default() += 1;
                }
            }
        }
    }

    /// Templates with a frequent word in them. What they explain is taken from the forms.
    fn take_words(&mut self) -> Vec<(u64, Template)> {
        let mut found = Vec::new();
        for (Place { form, at, end, word }, &count) in &self.words {
            if count < WORD_COUNT_MIN || count * VALUES_PER_WORD < self.value_count {
                continue;
            }
            let form = &mut self.known[*form];
            let mut text = TemplateText::new();
            text.extend_from_slice(&form.text.as_bytes()[..*at]);
            literal_text(word, &mut text);
            text.extend_from_slice(&form.text.as_bytes()[*end..]);
            // A word may be too long for a template.
            if let Ok(template) = Template::parse(as_str(&text)) {
                // A value with two such words counts twice: the counts only order and choose templates.
                form.count = form.count.saturating_sub(count);
                found.push((count, template));
            }
        }
        found
    }

    /// Templates of the frequent forms, and `{text}`.
    fn take_general(self) -> Vec<(u64, Template)> {
        let is_frequent = |count: u64| count > 0 && count * VALUES_PER_TEMPLATE >= self.value_count;
        let mut counts: HashMap<Box<str>, u64> = HashMap::new();
        for form in self.known {
            let text = if is_frequent(form.count) { form.text } else { form.simpler.unwrap_or(form.text) };
            *counts.entry(text).or_default() += form.count;
        }
        let rare: u64 = counts.values().filter(|count| !is_frequent(**count)).sum();
        counts.retain(|_, count| is_frequent(*count));
        *counts.entry(TEXT_NAME.into()).or_default() += rare;
        // A literal may be too long for a template.
        counts.into_iter().filter_map(|(text, count)| Some((count, Template::parse(&text).ok()?))).collect()
    }
}

fn as_str(text: &TemplateText) -> &str {
    std::str::from_utf8(text).expect("pieces are whole letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(values: &[String]) -> Vec<Box<str>> {
        let jane = ["Jane", "Smith", "", "", "jane", "smith", "", ""];
        templates(values.iter().map(|value| (value.as_str(), jane)))
            .into_iter()
            .map(|found| found.text)
            .collect()
    }

    #[test]
    fn frequent_forms_and_words_are_learned_most_frequent_first() {
        let letter = |i: usize| char::from(b'A' + u8::try_from(i / 100 % 26).unwrap());
        let name = |i: usize| match i % 100 {
            0 => format!("Jane {}. Smith", letter(i)),
            1..5 => "Jane Smith (Contractor)".to_owned(),
            5..15 => "Smith, Jane".to_owned(),
            15 => format!("somebody{i}else"),
            _ => "Jane Smith".to_owned(),
        };
        let found = learned(&(0..10_000).map(name).collect::<Vec<_>>());
        let most = ["{given} {family}", "{family}, {given}", "{given} {family} (Contractor)", "{text}"];
        assert_eq!(found[..4].iter().map(|text| &**text).collect::<Vec<_>>(), most);
        assert_eq!(*found[4], *"{given} {text}. {family}");
        assert_eq!(found.len(), 7, "and two initials, of the given and of the family name: {found:?}");
    }

    #[test]
    fn a_number_that_many_have_is_part_of_the_template_and_others_stay_in_the_tail() {
        let address = |i: usize| match i {
            _ if i.is_multiple_of(10) => "jane.smith2".to_owned(),
            _ if i % 500 == 7 => format!("jane.smith{}", 10 + i / 500),
            _ => "jane.smith".to_owned(),
        };
        let found = learned(&(0..10_000).map(address).collect::<Vec<_>>());
        assert_eq!(
            found.iter().map(|text| &**text).collect::<Vec<_>>(),
            [
                "{given.slug}.{family.slug}",
                "{given.slug}.{family.slug}2",
                "{given.slug}.{family.slug}{digits:2}",
                "{text}"
            ]
        );
    }

    #[test]
    fn rare_forms_add_to_simpler_ones() {
        let address = |i: usize| match i {
            0 => "jane.miller21".to_owned(),
            1..4 => format!("jane.miller{}", char::from(b'a' + u8::try_from(i).unwrap())),
            _ => "jane".to_owned(),
        };
        let found = learned(&(0..20_000).map(address).collect::<Vec<_>>());
        assert_eq!(
            found.iter().map(|text| &**text).collect::<Vec<_>>(),
            ["{given.slug}", "{given.slug}.{text}", "{text}"]
        );
    }

    #[test]
    fn an_empty_sample_has_no_templates_and_any_other_has_one_for_everything() {
        assert!(learned(&[]).is_empty());
        let signs = |i: usize| "-".repeat(i % 80) + &"/".repeat(i / 80) + "{";
        let found = learned(&(0..600).map(signs).collect::<Vec<_>>());
        assert_eq!(found.len(), TEMPLATES_MAX);
        assert_eq!(found.iter().filter(|text| ***text == *TEXT_NAME).count(), 1);
    }
}
