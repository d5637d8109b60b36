//! How the values of one column are stored.
//!
//! | file | structure |
//! |---|---|
//! | `bits` | fields of any width in a row |
//! | `dictionary` | values by code, with slugs |
//! | `number` | numbers, times, UUIDs as one integer |
//! | `template`, `piece`, `explain`, `learn` | names and addresses as templates over a person's names |
//! | `shape`, `short`, `short_names` | values made of names, put together on the stack |
//! | `beside_key` | a value compared with a key piece by piece |
//! | `blocks` | text that grows by blocks of fixed size |
//! | `digits` | digits in the remainder of a template |
//! | `slug` | how a name looks inside an address |
//! | `text`, `symbols`, `symbol_training`, `huffman` | whatever is left, as compressed text |

pub(crate) mod beside_key;
pub(crate) mod bits;
pub(crate) mod blocks;
pub(crate) mod dictionary;
pub(crate) mod digits;
mod explain;
mod huffman;
mod learn;
mod number;
mod piece;
pub(crate) mod shape;
pub(crate) mod short;
pub(crate) mod short_names;
pub(crate) mod slug;
mod symbol_training;
mod symbols;
mod template;
mod text;

pub(crate) use number::{NumberCodec, TAIL_SIZE as NUMBER_TAIL_SIZE};
pub(crate) use template::{SOURCE_COUNT, Sources, TemplateSet, TextStore};
pub(crate) use text::{Aim, TextCodec};

use super::Corrupt;

impl TextStore for TextCodec {
    fn encode(&self, text: &str, out: &mut Vec<u8>) {
        self.encode(text, out);
    }

    fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
        self.decode(bytes, out)
    }
}
