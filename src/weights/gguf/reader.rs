//! Reads the fields of a GGUF from bytes of which more may be to come.

use super::Value;
use crate::error::Error;

/// Longer than any real head: most of one are the tokens of a vocabulary.
const LONGEST: u64 = 1 << 26;

/// Why reading went no further.
#[derive(Debug)]
pub enum Stop {
    /// The head is at least so many bytes long, and they are not there yet.
    More(u64),
    /// The file is wrong.
    Wrong(Error),
}

type Read<T> = Result<T, Stop>;

/// The bytes so far, and a place in them.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: u64,
    /// Beyond it no head can go.
    most: u64,
}

/// A number of fixed width, in little-endian order.
pub trait Number: Sized {
    /// Its bytes.
    const BYTES: u64;
    /// From just so many bytes.
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($kind:ty),*) => {
        $(impl Number for $kind {
            const BYTES: u64 = size_of::<$kind>() as u64;
            fn of(bytes: &[u8]) -> $kind {
                let mut own = [0; size_of::<$kind>()];
                own.copy_from_slice(bytes);
                <$kind>::from_le_bytes(own)
            }
        })*
    };
}

number!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl<'a> Reader<'a> {
    /// At the first byte of a file of `length` bytes, if that is known.
    pub fn new(bytes: &'a [u8], length: Option<u64>) -> Reader<'a> {
        Reader { bytes, at: 0, most: length.unwrap_or(LONGEST).min(LONGEST) }
    }

    /// The place of the next byte.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The next bytes; `what` is to be found there.
    pub fn bytes(&mut self, what: &str, count: u64) -> Read<&'a [u8]> {
        let Some(end) = self.at.checked_add(count).filter(|end| *end <= self.most) else {
            let expected = format!("{count} bytes from byte {} on", self.at);
            let found = match self.most == LONGEST {
                true => format!("a head of more than {LONGEST} bytes"),
                false => format!("a file of {} bytes: it is truncated", self.most),
            };
            return Err(Stop::Wrong(Error::weights(what, expected, found)));
        };
        match self.bytes.get(self.at as usize..end as usize) {
            None => Err(Stop::More(end)),
            Some(bytes) => {
                self.at = end;
                Ok(bytes)
            }
        }
    }

    /// The next number.
    pub fn number<T: Number>(&mut self, what: &str) -> Read<T> {
        self.bytes(what, T::BYTES).map(T::of)
    }

    /// The next size.
    pub fn size(&mut self, what: &str) -> Read<u64> {
        self.number(what)
    }

    /// How many things follow that take `least` bytes each, or more.
    pub fn count(&mut self, what: &str, least: u64) -> Read<u64> {
        let count = self.size(what)?;
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.most) {
            let expected = format!("no more than {} bytes have room for", self.most);
            let found = format!("{count}: the file is truncated, or this number wrong");
            return Err(Stop::Wrong(Error::weights(what, expected, found)));
        }
        Ok(count)
    }

    /// The next text.
    pub fn text(&mut self, what: &str) -> Read<String> {
        let length = self.count(what, 1)?;
        let bytes = self.bytes(what, length)?;
        // Tokens of some vocabularies are no UTF-8 by themselves.
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The next value, of a type that GGUF gives a number.
    pub fn value(&mut self, key: &str, kind: u32) -> Read<Value> {
        Ok(match kind {
            7 => Value::Truth(self.number::<u8>(key)? != 0),
            8 => Value::Text(self.text(key)?),
            9 => {
                let kind: u32 = self.number(key)?;
                let count = self.count(key, if kind == 8 { 8 } else { 1 })?;
                match kind {
                    8 => Value::Texts((0..count).map(|_| self.text(key)).collect::<Read<_>>()?),
                    _ => {
                        let numbers = (0..count).map(|_| self.scalar(key, kind));
                        Value::Numbers(numbers.collect::<Read<_>>()?)
                    }
                }
            }
            _ => Value::Number(self.scalar(key, kind)?),
        })
    }

    /// The next number of such a type.
    fn scalar(&mut self, key: &str, kind: u32) -> Read<f64> {
        Ok(match kind {
            0 | 7 => f64::from(self.number::<u8>(key)?),
            1 => f64::from(self.number::<i8>(key)?),
            2 => f64::from(self.number::<u16>(key)?),
            3 => f64::from(self.number::<i16>(key)?),
            4 => f64::from(self.number::<u32>(key)?),
            5 => f64::from(self.number::<i32>(key)?),
            6 => f64::from(self.number::<f32>(key)?),
            10 => self.number::<u64>(key)? as f64,
            11 => self.number::<i64>(key)? as f64,
            12 => self.number(key)?,
            other => {
                let error = Error::weights(key, "a type of GGUF", format!("type {other}"));
                return Err(Stop::Wrong(error));
            }
        })
    }
}
