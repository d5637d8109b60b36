//! Words as they are written to a key.

use super::super::KeyBuffer;
use super::table::Entry;

/// Writes words with one blank between them, and none around.
pub(super) struct Words<'b> {
    out: &'b mut KeyBuffer,
    blank_due: bool,
}

impl<'b> Words<'b> {
    pub(super) fn new(out: &'b mut KeyBuffer) -> Self {
        Self { out, blank_due: false }
    }

    pub(super) fn push(&mut self, character: char) {
        for &byte in character.encode_utf8(&mut [0; 4]).as_bytes() {
            self.push_byte(byte);
        }
    }

    pub(super) fn push_entry(&mut self, entry: Entry) {
        for byte in entry.into_iter().take_while(|&byte| byte != 0) {
            self.push_byte(byte);
        }
    }

    fn push_byte(&mut self, byte: u8) {
        if byte == b' ' {
            self.blank_due = !self.out.is_empty();
        } else {
            if self.blank_due {
                self.out.push(b' ');
                self.blank_due = false;
            }
            self.out.push(byte);
        }
    }
}
