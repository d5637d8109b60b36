//! A sample of the rows, kept from the first pass: what the columns look like decides how they are stored.
//!
//! Rows are taken by a hash of their number. When the sample outgrows its share of the data seen so far, the
//! half with the next hash bit set is dropped, so at any moment it is an even sample of everything before.

/// Bytes that a sample may always have: datasets up to this size are sampled whole.
const BYTES_MIN: usize = 6 << 20;
/// Bytes that it never exceeds.
const BYTES_MAX: usize = 16 << 20;
/// Share of the data that it may have, beyond the minimum.
const SHARE: u64 = 22;

/// Rows with their fields, one flat text.
#[derive(Default)]
pub(super) struct Sample {
    rows: Vec<Taken>,
    /// End of each field within its row's text.
    ends: Vec<u32>,
    text: String,
    /// Rows are taken whose hash has this many zero bits at its end.
    shift: u32,
    bytes_seen: u64,
}

struct Taken {
    hash: u32,
    schema: u16,
    tenant: u32,
    text: usize,
    fields: usize,
}

/// One row of the sample.
#[derive(Clone, Copy)]
pub(super) struct SampleRow<'s> {
    /// Its list of columns.
    pub(super) schema: u16,
    /// Code of its tenant.
    pub(super) tenant: u32,
    text: &'s str,
    ends: &'s [u32],
}

impl<'s> SampleRow<'s> {
    /// The column at `place`; the further addresses behind the last one.
    pub(super) fn field(&self, place: usize) -> &'s str {
        let end = self.ends.get(place).map_or(self.text.len(), |&end| end as usize);
        let start =
            place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        self.text.get(start..end).unwrap_or_default()
    }
}

impl Sample {
    /// The same rule, no rows: for one batch.
    pub(super) fn with_shift(shift: u32) -> Self {
        Self { shift, ..Self::default() }
    }

    /// How strict it has become.
    pub(super) fn shift(&self) -> u32 {
        self.shift
    }

    /// Offers the row at `place` of batch `batch`, whose fields have so many bytes and one more each.
    pub(super) fn offer<'f>(
        &mut self,
        (batch, place): (u64, u32),
        (schema, tenant): (u16, u32),
        bytes: usize,
        fields: impl Iterator<Item = &'f str>,
    ) {
        self.bytes_seen += bytes as u64;
        let hash = mix(batch << 32 | u64::from(place));
        #[allow(clippy::cast_possible_truncation, reason = "any 32 bits of the hash will do")]
        let hash = hash as u32;
        if !is_taken(hash, self.shift) {
            return;
        }
        self.rows.push(Taken { hash, schema, tenant, text: self.text.len(), fields: self.ends.len() });
        let start = self.text.len();
        for field in fields {
            self.text.push_str(field);
            // A row has at most 64 MiB.
            self.ends.push(u32::try_from(self.text.len() - start).unwrap_or(u32::MAX));
        }
    }

    /// Takes over the rows of a batch, whose tenants have these codes here.
    pub(super) fn append(&mut self, batch: &Self, codes: &[u32]) {
        self.bytes_seen += batch.bytes_seen;
        for (number, row) in batch.rows.iter().enumerate().filter(|(_, row)| is_taken(row.hash, self.shift)) {
            let view = batch.view(number);
            let tenant = codes.get(row.tenant as usize).copied().unwrap_or_default();
            self.rows.push(Taken { tenant, text: self.text.len(), fields: self.ends.len(), ..*row });
            self.text.push_str(view.text);
            self.ends.extend_from_slice(view.ends);
        }
        let share = usize::try_from(self.bytes_seen / SHARE).unwrap_or(usize::MAX);
        while self.size() > share.clamp(BYTES_MIN, BYTES_MAX) {
            self.halve();
        }
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows, in the order of the files.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = SampleRow<'_>> + Clone {
        (0..self.rows.len()).map(|number| self.view(number))
    }

    fn size(&self) -> usize {
        self.text.len() + 4 * self.ends.len() + self.rows.len() * size_of::<Taken>()
    }

    fn halve(&mut self) {
        let mut kept = Self { shift: self.shift + 1, bytes_seen: self.bytes_seen, ..Self::default() };
        let half = |size: usize| size / 2 + size / 16;
        kept.text.reserve(half(self.text.len()));
        kept.ends.reserve(half(self.ends.len()));
        kept.rows.reserve(half(self.rows.len()));
        for (number, row) in self.rows.iter().enumerate().filter(|(_, row)| is_taken(row.hash, kept.shift)) {
            let view = self.view(number);
            kept.rows.push(Taken { text: kept.text.len(), fields: kept.ends.len(), ..*row });
            kept.text.push_str(view.text);
            kept.ends.extend_from_slice(view.ends);
        }
        *self = kept;
    }

    fn view(&self, number: usize) -> SampleRow<'_> {
        let row = &self.rows[number];
        let next = self.rows.get(number + 1);
        let (text, fields) = next.map_or((self.text.len(), self.ends.len()), |next| (next.text, next.fields));
        SampleRow {
            schema: row.schema,
            tenant: row.tenant,
            text: &self.text[row.text..text],
            ends: &self.ends[row.fields..fields],
        }
    }
}

/// Mixes all bits of a number (`SplitMix64`, Steele, Lea, Flood 2014).
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn is_taken(hash: u32, shift: u32) -> bool {
    hash.trailing_zeros() >= shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_dataset_is_sampled_whole_and_a_large_one_evenly() {
        let mut sample = Sample::default();
        for batch in 0..400 {
            let mut rows = Sample::with_shift(sample.shift());
            for place in 0..1000 {
                let number = format!("{batch}-{place}");
                let fields = [number.as_str(), &"x".repeat(100), ""];
                rows.offer((batch, place), (3, 0), number.len() + 103, fields.into_iter());
            }
            sample.append(&rows, &[7]);
            if batch == 9 {
                assert_eq!(sample.len(), 10_000);
                let row = sample.rows().nth(1234).unwrap();
                assert_eq!((row.schema, row.tenant, row.field(0), row.field(2)), (3, 7, "1-234", ""));
                assert_eq!((row.field(1).len(), row.field(3)), (100, ""));
            }
        }
        assert!(sample.shift() > 1 && sample.size() <= BYTES_MIN);
        let late = sample.rows().filter(|row| row.field(0).len() >= 5 && row.field(0) >= "200").count();
        assert!((sample.len() / 3..sample.len()).contains(&late), "{late} of {}", sample.len());
    }
}
