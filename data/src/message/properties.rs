//! What holds for every header.

use proptest::prelude::*;

use super::*;
use crate::normalize::{KeyBuffer, address_key};

/// Pieces that the grammar gives a meaning, so that random headers are full of it.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("("),
        Just(")"),
        Just("<"),
        Just(">"),
        Just(","),
        Just(";"),
        Just(":"),
        Just("@"),
        Just("\\"),
        Just(" "),
        Just("\r\n "),
        Just("=?utf-8?q?"),
        Just("=?utf-8?b?"),
        Just("=?iso-2022-jp?b?GyRC"),
        Just("?="),
        Just("=C3"),
        Just("=40"),
        Just("w6k"),
        Just("jane@x.y"),
        Just("Jane"),
        Just("é"),
        Just("["),
        Just("]"),
        Just("."),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn check_bounds(header: &str) {
    let mut list = parse_address_list(header);
    let mut count = 0;
    for mailbox in list.by_ref() {
        count += 1;
        assert!(mailbox.name.len() <= DISPLAY_NAME_BYTES_MAX);
        assert!(mailbox.address.len() <= header.len());
        assert!(header.contains(mailbox.raw));
        assert!(embedded_addresses(&mailbox.name).count() <= EMBEDDED_COUNT_MAX);
        assert!(mailbox.group.is_none_or(|group| group.len() <= DISPLAY_NAME_BYTES_MAX));
    }
    assert!(count <= MAILBOX_COUNT_MAX);
    assert_eq!(list.next(), None);
}

/// Lists of mailboxes that are plain but for one piece in some.
fn nearly_plain() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec!["Jane", "O'Neil", "j+a.b@x-y.z", "<j@x.y>", "\"Doe, Jane\"", ", ", " ", " "]),
        1 => prop::sample::select(vec![
            "\"", "<", ">", "@", ";", "Team:", "  ", "\t", "(c)", "\\", "=?utf-8?q?a?=", "é", "[", "< ", ",", "j@x",
        ]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn check_short_way(header: &str) {
    let (mut list, mut by_tokens) = (parse_address_list(header), parse_address_list(header));
    loop {
        let mailbox = list.next();
        assert_eq!(mailbox, by_tokens.next_by_tokens(), "{header:?}");
        if mailbox.is_none() {
            break;
        }
    }
    assert_eq!(list.oddities(), by_tokens.oddities());
}

/// A display name as a careful sender writes it.
fn written(name: &str, how: u8) -> String {
    let encoded = |bytes: &[u8]| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("={byte:02X}")).collect();
        format!("=?utf-8?q?{}?=", hex.concat())
    };
    match how {
        0 => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
        1 => encoded(name.as_bytes()),
        // In two words, cut anywhere.
        _ => {
            let (a, b) = name.as_bytes().split_at(name.len() / 2);
            format!("{}\r\n {}", encoded(a), encoded(b))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_short_way_says_what_the_tokens_say(plain in nearly_plain(), odd in pieces(), any in ".{0,60}") {
        check_short_way(&plain);
        check_short_way(&odd);
        check_short_way(&any);
        check_short_way(&format!("Jane Doe <jane@corp.example>, {odd}, {plain}, joe@corp.example"));
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_within_bounds(header in ".{0,200}") {
        check_bounds(&header);
    }

    #[test]
    fn pieces_of_the_grammar_in_any_order_are_read_within_bounds(header in pieces()) {
        check_bounds(&header);
    }

    #[test]
    fn arbitrary_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check_bounds(&header_text(&bytes));
        let message = Message::from_eml(&bytes);
        let _ = (message.sender(), message.recipient_mailboxes().count(), message.recipient_oddities());
    }

    #[test]
    fn every_mailbox_of_a_written_list_comes_back(
        people in prop::collection::vec(
            ("[A-Za-z\"\\\\,.<>@()é田][A-Za-z \"\\\\,.:;<>@()é田]{0,18}[A-Za-z\"\\\\,.<>@()é田]", "[a-z0-9.+_-]{1,12}", "[a-z0-9-]{1,9}\\.[a-z]{2,5}", 0..3_u8),
            0..12,
        ),
        separator in prop_oneof![Just(", "), Just(",\r\n\t"), Just("; ")],
    ) {
        let header: Vec<_> = people.iter().map(|(name, local, domain, how)| {
            format!("{} <{local}@{domain}>", written(name, *how))
        }).collect();
        let header = header.join(separator);
        let found: Vec<_> = parse_address_list(&header).collect();
        prop_assert_eq!(found.len(), people.len());
        for (mailbox, (name, local, domain, _)) in found.iter().zip(&people) {
            let name = name.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(&*mailbox.name, &name);
            let address = format!("{local}@{domain}");
            prop_assert_eq!(mailbox.raw, &address);
            prop_assert_eq!(&*mailbox.address, &address);
            prop_assert!(mailbox.oddities.is_empty());
        }
    }

    #[test]
    fn addresses_keep_their_key(local in "[a-z.]{1,9}", domain in "[a-z]{1,9}\\.example", blanks in "[ \r\n\t]{0,3}") {
        let plain = format!("{local}@{domain}");
        let header = format!("{blanks}<{blanks}{local}{blanks}@{blanks}{domain}{blanks}>");
        let (mut a, mut b) = (KeyBuffer::new(), KeyBuffer::new());
        let mailbox = parse_address_list(&header).next();
        let found = mailbox.as_ref().and_then(|mailbox| address_key(&mailbox.address, &mut a));
        prop_assert_eq!(found, address_key(&plain, &mut b));
    }
}
