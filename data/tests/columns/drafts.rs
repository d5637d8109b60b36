//! Rows whose values refer to each other: names, what follows from them or almost does, colleagues.

use persondb_data::input::values::{check_address, unwrap_address};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::values::any_text;

fn name() -> impl Strategy<Value = String> {
    let usual = vec!["Jane", "John", "Mary", "Anne-Marie", "O'Brien", "Smith", "Roe", "van den Berg"];
    let odd = vec![
        "",
        " ",
        "{given}",
        "{{",
        "}",
        "{}",
        "{text}",
        "José",
        "Åse",
        "Groß",
        "Jürgen",
        "前田",
        "Мария",
        "X Æ A-12",
        "J",
        "7",
        "007",
        "-",
        "'",
        "JANE",
        "jane",
        "İpek",
        "ﬁ",
        "e\u{301}",
        "{family.slug}",
    ];
    prop_oneof![
        6 => select(usual).prop_map(str::to_owned),
        3 => select(odd).prop_map(str::to_owned),
        1 => (60_usize..70).prop_map(|size| "Wolfeschlegel".repeat(6)[..size].to_owned()),
        1 => (250_usize..258).prop_map(|size| "a".repeat(size)),
        1 => "[ -~]{0,12}",
    ]
}

/// What becomes of names in display names and addresses.
fn form() -> impl Strategy<Value = &'static str> {
    select(vec![
        "G F",
        "G F",
        "F, G",
        "G M F",
        "P F",
        "g.f",
        "gf",
        "g_f",
        "f-g",
        "1f",
        "1.f",
        "3f",
        "G F (Contractor)",
        "{G}",
        "G  F",
        "GG",
        "G\u{a0}F",
        "UG F",
        "g.f7",
        "gf007",
        "f00042",
        "g.f2000000000",
        "G Q. F",
        "x",
        "{given.slug}.f",
    ])
}

/// A form filled in with the names of a row, or not quite.
fn filled(form: &str, names: &[String; 4]) -> String {
    let [given, family, middle, preferred] = names;
    let slug =
        |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let first = |name: &str, count| name.chars().take(count).collect::<String>();
    form.chars()
        .map(|c| match c {
            'G' => given.clone(),
            'F' => family.clone(),
            'M' => middle.clone(),
            'P' => preferred.clone(),
            'U' => given.to_uppercase(),
            'g' => slug(given),
            'f' => slug(family),
            '1' => first(&slug(given), 1),
            '3' => first(&slug(given), 3),
            other => other.to_string(),
        })
        .collect()
}

/// A piece of a list: a form, or else this local part, and a domain.
type Piece = (Option<&'static str>, String, &'static str);

/// What a row says, before addresses are known that others name.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    number: u16,
    pub(crate) tenant: u8,
    names: [String; 4],
    display: (&'static str, Option<String>),
    local: (&'static str, u16),
    domain: &'static str,
    wrapped: &'static str,
    list: (Vec<Piece>, &'static str, u8),
    manager: (Index, u8),
}

pub(crate) fn draft() -> impl Strategy<Value = Draft> {
    let names = prop::array::uniform4(name());
    let domain = || {
        select(vec![
            "acme.example",
            "acme.example",
            "acme.example",
            "Acme.example",
            "mail.acme.example",
            "zürich.example",
            "xn--zrich-kva.example",
            "acme.example.",
            "only.one.example",
        ])
    };
    let piece = || (prop::option::of(form()), "[a-z0-9äΩ.+]{1,8}|[ -~]{0,8}", domain());
    let pieces =
        prop_oneof![4 => prop::collection::vec(piece(), 0..4), 1 => prop::collection::vec(piece(), 13..20)];
    let separator = select(vec![";", ";", ";", "; ", ",", ", ", "|", " ", ";;", " ; ", "\n"]);
    let wrapped = select(vec!["@", "@", "@", "@", "@", "<@>", "mailto:@", " @ ", "SMTP:@", "{@}"]);
    (
        (0_u16..400, any::<u8>(), names, (form(), prop::option::weighted(0.1, any_text()))),
        (form(), prop_oneof![3 => Just(0_u16), 1 => any::<u16>()]),
        (domain(), wrapped, (pieces, separator, 0_u8..8), (any::<Index>(), 0_u8..10)),
    )
        .prop_map(|((number, tenant, names, display), local, (domain, wrapped, list, manager))| Draft {
            number,
            tenant: tenant % 5,
            names,
            display,
            local,
            domain,
            wrapped,
            list,
            manager,
        })
}

impl Draft {
    pub(crate) fn tenant(&self, form: u8) -> String {
        match form {
            0 => "only".to_owned(),
            1 => format!("t{}", self.tenant),
            _ => ["Ä", "T", "t", " t1", "tenant {x} é"][usize::from(self.tenant)].to_owned(),
        }
    }

    pub(crate) fn id(&self, form: u8) -> String {
        let number = self.number;
        match (form, number % 7) {
            (0, _) => number.to_string(),
            (1, _) => format!("{number:05}"),
            (2, _) => {
                format!("{:08X}-0000-4000-8000-{:012x}", u32::from(number) * 40_503, u64::from(number) << 20)
            }
            (3, 0..4) => format!("E{number}"),
            (3, 4) => format!("{number:05} "),
            (3, 5) => format!("{number}é"),
            _ => format!("{number:0128}"),
        }
    }

    /// The primary address without what is around it.
    pub(crate) fn email(&self) -> String {
        let mut local = filled(self.local.0, &self.names);
        if self.local.1 > 0 {
            local.push_str(&self.local.1.to_string());
        }
        let email = format!("{local}@{}", self.domain);
        let is_one = check_address(&email).is_ok() && unwrap_address(&email) == email;
        if is_one { email } else { format!("n{}@{}", self.number, self.domain) }
    }

    fn list(&self) -> String {
        let (pieces, separator, odd) = &self.list;
        let pieces: Vec<_> = pieces
            .iter()
            .map(|(form, local, domain)| match form {
                Some(form) => format!("{}@{domain}", filled(form, &self.names)),
                None => format!("{local}@{domain}"),
            })
            .collect();
        match odd {
            0 => format!("{}{separator}", pieces.join(separator)),
            1 => format!("{{{}}}", pieces.join(separator)),
            2 => format!("SMTP:{}{separator}sip:x@y.example", pieces.join(&format!("{separator}smtp:"))),
            3 => separator.repeat(pieces.len()),
            _ => pieces.join(separator),
        }
    }

    fn manager(&self, everybody: &[Draft]) -> String {
        let other = self.manager.0.get(everybody).email();
        match self.manager.1 {
            0 => String::new(),
            1 => other.to_uppercase(),
            2 => other.to_ascii_lowercase(),
            3 => self.email(),
            4 => format!("x{other}"),
            5 => "nobody at all".to_owned(),
            6 => self.manager.0.get(everybody).wrapped.replace('@', &other),
            _ => other,
        }
    }

    pub(crate) fn value(&self, header: &str, forms: (u8, u8), everybody: &[Draft]) -> Option<String> {
        let [given, family, middle, preferred] = &self.names;
        Some(match header {
            "tenant_id" | "Tenant" => self.tenant(forms.0),
            "email" | "E-Mail" => self.wrapped.replace('@', &self.email()),
            "person_id" => self.id(forms.1),
            "aliases" => self.list(),
            "personal_emails" if self.number.is_multiple_of(3) => self.list().to_uppercase(),
            "personal_emails" => String::new(),
            "display_name" => match &self.display {
                (_, Some(text)) => text.clone(),
                (form, None) => filled(form, &self.names),
            },
            "given_name" | "First Name" => given.clone(),
            "family_name" | "Surname" => family.clone(),
            "middle_name" => middle.clone(),
            "preferred_name" => preferred.clone(),
            "manager_email" => self.manager(everybody),
            _ => return None,
        })
    }
}
