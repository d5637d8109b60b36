//! What an address is, and how one field is taken apart into several.

use persondb_data::input::values::AddressValue::{Address, Invalid, OtherType};
use persondb_data::input::values::{
    AddressError, AddressValue, Separator, addresses, check_address, is_domain, is_guest_name,
    primary_address, read_address, texts, unwrap_address,
};
use proptest::prelude::*;

#[test]
fn addresses_of_real_directories_pass() {
    let longest =
        format!("{}@{}.example", "l".repeat(64), ["d".repeat(60), "e".repeat(60), "f".repeat(57)].join("."));
    assert_eq!(longest.len(), 252);
    for address in [
        "a@b.example",
        "first.last+tag@sub.example.co.uk",
        "o'brien@example.com",
        "a..b.@docomo.ne.jp",
        "\"john doe\"@example.com",
        "\"a@b\\\"c\"@example.com",
        "jörg@exämple.de",
        "用户@例子.公司",
        "x@xn--exmple-cua.de",
        "x@example.com.",
        "!#$%&'*+-/=?^_`~@example.com",
        "x@a1-b2.1x",
        "x@a--b.example",
        "x@ÄÖ.example",
        &longest,
    ] {
        assert!(check_address(address).is_ok(), "{address}: {:?}", check_address(address));
    }
    let parts = check_address("\"a@b\"@example.com").unwrap();
    assert_eq!((parts.local, parts.domain), ("\"a@b\"", "example.com"));
}

#[test]
fn what_is_almost_an_address_does_not_pass() {
    let long = |n: usize| format!("l@{}e.example", "d.".repeat((n - 11) / 2));
    for (address, error) in [
        ("", AddressError::NoAt),
        ("a.example", AddressError::NoAt),
        ("@b.example", AddressError::LocalPart),
        ("a b@b.example", AddressError::LocalPart),
        ("a@b@b.example", AddressError::LocalPart),
        ("a,b@b.example", AddressError::LocalPart),
        ("\"a\"b\"@b.example", AddressError::LocalPart),
        ("\"a\\\"@b.example", AddressError::LocalPart),
        ("\"@b.example", AddressError::LocalPart),
        ("a\u{200b}@b.example", AddressError::LocalPart),
        ("a\u{a0}b@b.example", AddressError::LocalPart),
        ("J\u{fffd}rg@b.example", AddressError::LocalPart),
        ("Joe <a@b.example>", AddressError::LocalPart),
        ("a@", AddressError::Domain),
        ("a@localhost", AddressError::Domain),
        ("a@b.example..", AddressError::Domain),
        ("a@.example", AddressError::Domain),
        ("a@b..example", AddressError::Domain),
        ("a@-b.example", AddressError::Domain),
        ("a@b-.example", AddressError::Domain),
        ("a@b_c.example", AddressError::Domain),
        ("a@192.168.0.1", AddressError::Domain),
        ("a@[192.168.0.1]", AddressError::Domain),
        ("a@b.example ", AddressError::Domain),
        ("a@xn--\u{ff}.de", AddressError::Domain),
        ("a@xn--a-\u{ff}.de", AddressError::Domain),
        ("a@xn--zzzzzzz99999.de", AddressError::Domain),
        ("a@a--b.xn--zzzzzzz99999.de", AddressError::Domain),
        ("a@b\u{ad}c.de", AddressError::Domain),
        ("a@ä b.de", AddressError::Domain),
        ("a@ä_b.de", AddressError::Domain),
        ("a@ä.１２", AddressError::Domain),
        ("a@ä", AddressError::Domain),
        ("a@\u{fe0f}.de", AddressError::Domain),
        (&format!("a@ä.{}.de", "d".repeat(64)), AddressError::Domain),
        (&format!("{}@b.example", "l".repeat(65)), AddressError::LocalPart),
        (&format!("a@{}.example", "d".repeat(64)), AddressError::Domain),
        (&long(255), AddressError::TooLong),
    ] {
        assert_eq!(check_address(address), Err(error), "{address}");
    }
    assert_eq!(long(253).len(), 253);
    assert!(check_address(&long(253)).is_ok());
    assert!(is_domain("b.example") && !is_domain("example") && !is_domain("") && !is_domain("a@b.example"));
}

#[test]
fn wrapping_is_taken_off_and_other_types_are_told_apart() {
    for wrapped in [
        "a@x.org",
        " <a@x.org> ",
        "{a@x.org}",
        "mailto:a@x.org",
        "SMTP:a@x.org",
        "{smtp:a@x.org}",
        "<MailTo: a@x.org>",
    ] {
        assert_eq!(read_address(wrapped), Address("a@x.org"), "{wrapped}");
    }
    for other in ["SIP:a@x.org", "X500:/o=Org/ou=A B/cn=c", "x400:c=US;a= ", "EUM:123;phone"] {
        assert_eq!(read_address(other), OtherType(other.trim()), "{other}");
    }
    for neither in ["smtp:", "a@x", "<a@x.org", "a b", "SIP:", "much too long for a type:a"] {
        assert_eq!(read_address(neither), Invalid(neither), "{neither}");
    }
    assert_eq!(unwrap_address("<<<<<<<<a@x.org>>>>>>>>"), "<<<<a@x.org>>>>");
}

#[test]
fn several_addresses_are_separated_and_nothing_else_is() {
    let list = |value: &'static str| addresses(value, Separator::Generic).collect::<Vec<_>>();
    let (a, b) = (Address("a@x.org"), Address("b@x.org"));
    for value in [
        "a@x.org;b@x.org",
        "a@x.org|b@x.org",
        "a@x.org\nb@x.org",
        "a@x.org\r\n;; b@x.org;",
        "a@x.org,b@x.org",
        "a@x.org, b@x.org,",
        "a@x.org b@x.org",
        "a@x.org ,  b@x.org",
        "{SMTP:a@x.org};{smtp:b@x.org}",
        "<a@x.org>, <b@x.org>",
    ] {
        assert_eq!(list(value), [a, b], "{value:?}");
    }
    assert_eq!(list(""), []);
    assert_eq!(list(" ;|\n "), []);
    assert_eq!(list("a+b@x.org"), [Address("a+b@x.org")]);
    assert_eq!(list("\"a;b\"@x.org"), [Address("\"a;b\"@x.org")]);
    assert_eq!(list("a@x.org, nobody"), [Invalid("a@x.org, nobody")]);
    assert_eq!(list("a@x.org;nobody"), [a, Invalid("nobody")]);
    assert_eq!(list("smtp:a@x.org,SIP:b@x.org"), [a, OtherType("SIP:b@x.org")]);
    assert_eq!(
        list("X500:/o=Org/ou=First Group,x/cn=c;smtp:a@x.org"),
        [OtherType("X500:/o=Org/ou=First Group,x/cn=c"), a]
    );
}

#[test]
fn a_separator_that_was_named_is_the_only_one() {
    let by = |value: &'static str, c| addresses(value, Separator::Only(c)).collect::<Vec<_>>();
    assert_eq!(by("a@x.org,b@x.org", ','), [Address("a@x.org"), Address("b@x.org")]);
    assert_eq!(by("a@x.org;b@x.org", ','), [Invalid("a@x.org;b@x.org")]);
    assert_eq!(by("a@x.org b@x.org", '/'), [Invalid("a@x.org b@x.org")]);
}

#[test]
fn lists_with_types_end_where_the_next_type_begins_and_the_primary_one_is_in_capitals() {
    let x500 = "X500:/o=Corp/ou=Exchange Administrative Group (FYDI)/cn=Recipients/cn=a, b";
    let x400 = "X400:C=US;A= ;P=Corp;S=Doe;";
    for separator in ["; ", ", ", " ", "\n", "|"] {
        let list = ["smtp:a@x.org", x500, "SMTP:b@x.org", x400, "SIP:b@x.org"].join(separator);
        let expected = [
            Address("a@x.org"),
            OtherType(x500),
            Address("b@x.org"),
            OtherType(x400),
            OtherType("SIP:b@x.org"),
        ];
        let found: Vec<_> = addresses(&list, Separator::Typed).collect();
        // A separator at the end of a piece is gone with the space around it.
        let same = |(found, expected): (&AddressValue<'_>, &AddressValue<'_>)| match (found, expected) {
            (OtherType(found), OtherType(expected)) => expected.starts_with(found.trim_end_matches(';')),
            _ => found == expected,
        };
        assert!(found.len() == 5 && found.iter().zip(&expected).all(same), "{separator:?}: {found:?}");
        assert_eq!(primary_address(&list, Some(Separator::Typed)), "b@x.org", "{separator:?}");
    }
    for (list, expected, primary) in [
        ("a@x.org;b@x.org", vec![Address("a@x.org"), Address("b@x.org")], "a@x.org"),
        ("smtp:a@x.org, b@x.org", vec![Address("a@x.org"), Address("b@x.org")], "a@x.org"),
        ("{smtp:a@x.org, SMTP:b@x.org}", vec![Address("a@x.org"), Address("b@x.org")], "b@x.org"),
        ("SIP:a@x.org", vec![OtherType("SIP:a@x.org")], ""),
        ("nobody", vec![Invalid("nobody")], "nobody"),
        ("a+b@x.org", vec![Address("a+b@x.org")], "a+b@x.org"),
        ("", vec![], ""),
    ] {
        assert_eq!(addresses(list, Separator::Typed).collect::<Vec<_>>(), expected, "{list}");
        assert_eq!(primary_address(list, Some(Separator::Typed)), primary, "{list}");
    }
    assert_eq!(primary_address("a@x.org;b@x.org", None), "a@x.org;b@x.org", "no list where none is meant");
}

#[test]
fn a_guest_is_told_by_the_mark_in_the_sign_in_name_and_by_nothing_like_it() {
    for name in ["jane_x.org#EXT#@t.onmicrosoft.example", "j#ext#@t.example", "j#x#EXT#@t.example"] {
        assert!(is_guest_name(name), "{name}");
    }
    for name in ["jane@x.org", "j#EXT@t.example", "jEXT#@t.example", "#EXT#", "a@#EXT#", ""] {
        assert!(!is_guest_name(name), "{name}");
    }
}

#[test]
fn names_are_separated_at_semicolons_and_never_at_commas() {
    let names: Vec<_> = texts(" Doe, Jane ; ヤマダ 太郎|Smith\n\n", Separator::Generic).collect();
    assert_eq!(names, ["Doe, Jane", "ヤマダ 太郎", "Smith"]);
    assert_eq!(texts("a;b/c", Separator::Only('/')).collect::<Vec<_>>(), ["a;b", "c"]);
    assert_eq!(texts("", Separator::Generic).count(), 0);
}

proptest! {
    #[test]
    fn the_primary_address_is_a_part_of_any_value(text in "(SMTP:|smtp:|X500:|[a-c@.,;| \n<>{}]){0,20}") {
        for list in [None, Some(Separator::Typed), Some(Separator::Generic), Some(Separator::Only(','))] {
            let primary = primary_address(&text, list);
            prop_assert!(text.contains(primary));
            if let Some(separator) = list {
                let mut pieces = addresses(&text, separator);
                let among_them = pieces.any(|piece| piece == AddressValue::Address(primary));
                prop_assert!(among_them || check_address(primary).is_err());
            }
        }
    }

    #[test]
    fn any_text_is_taken_apart_without_loss_of_its_addresses(text in "[a-c@.,;| \n<>{}\":é]{0,40}") {
        for value in addresses(&text, Separator::Generic) {
            match value {
                Address(address) => {
                    prop_assert!(check_address(address).is_ok());
                    prop_assert!(text.contains(address));
                }
                OtherType(piece) | Invalid(piece) => prop_assert!(text.contains(piece) && !piece.is_empty()),
            }
        }
    }

    #[test]
    fn addresses_put_together_with_any_separator_come_apart_again(
        parts in prop::collection::vec("[a-z+'.]{1,8}@[a-z]{1,5}\\.[a-z]{2,3}", 1..6),
        glue in prop::sample::select(vec![";", "|", "\n", ",", ", ", " ", "; "]),
    ) {
        let value = parts.join(glue);
        let found: Vec<_> = addresses(&value, Separator::Generic).collect();
        prop_assert_eq!(found, parts.iter().map(|part| Address(part)).collect::<Vec<_>>());
    }
}

#[test]
fn braces_around_a_whole_list_are_taken_off_and_those_around_each_piece_too() {
    let read = |value: &str| -> Vec<String> {
        addresses(value, Separator::Generic).map(|piece| format!("{piece:?}")).collect()
    };
    let two = ["Address(\"a@x.org\")", "Address(\"b@x.org\")"];
    for list in ["{a@x.org; b@x.org}", "{a@x.org, b@x.org}", "{a@x.org};{b@x.org}", " { a@x.org;b@x.org } "] {
        assert_eq!(read(list), two, "{list}");
    }
    assert_eq!(read("{a@x.org; b@x.org"), ["Invalid(\"{a@x.org\")", "Address(\"b@x.org\")"]);
}
