//! Reads the head of `model.safetensors`; every lie in it is an error that names the tensor.
//!
//! Besides floats it may hold matrices `[N, K]` in int8, as I8 of shape `[N, 4 + K]`: each row begins
//! with its scale, an f32 (`scripts/pack_int8.mjs` writes them).

use safetensors::tensor::Dtype;
use serde_json::{Map, Value};

use super::encoding::{Encoding, INT8_SCALE};
use super::header::{Entry, Header, Opened};
use crate::error::{Error, Result};

/// Longer than any real header: what the format allows.
const LONGEST: u64 = 100_000_000;

/// Checks the header against the bytes that the file has; asks for no memory beyond the header.
pub fn read(bytes: &[u8], length: Option<u64>) -> Result<Opened> {
    let Some((text_length, rest)) = bytes.split_first_chunk() else {
        return Ok(Opened::More(8));
    };
    let text_length = u64::from_le_bytes(*text_length);
    let most = length.map_or(LONGEST, |length| (length.saturating_sub(8)).min(LONGEST));
    if text_length > most {
        let expected = format!("at most {most} bytes of header in a safetensors file, or GGUF");
        return Err(Error::weights("header length", expected, text_length.to_string()));
    }
    // A header opens with a brace: what is no such file need not be fetched to its end.
    if rest.first().is_some_and(|first| *first != b'{') {
        return Err(Error::weights("header", "a JSON object, or GGUF", "another kind of file"));
    }
    let Some(text) = rest.get(..text_length as usize) else {
        return Ok(Opened::More(8 + text_length));
    };
    let header: Map<String, Value> = match serde_json::from_slice(text) {
        Ok(Value::Object(header)) => header,
        Ok(_) => return Err(Error::weights("header", "a JSON object", "another kind of JSON")),
        Err(error) => return Err(Error::weights("header", "a JSON object", error.to_string())),
    };
    let data = 8 + text_length;
    survey(&header, data, length).map(Opened::Head)
}

/// Holds the claims of every tensor against each other and against the bytes there are, in 64 bits
/// so that none overflows where pointers have 32.
fn survey(claims: &Map<String, Value>, data: u64, length: Option<u64>) -> Result<Header> {
    let mut sorted = Vec::with_capacity(claims.len());
    for (name, claim) in claims.iter().filter(|(name, _)| *name != "__metadata__") {
        sorted.push((claimed_range(name, claim)?, name, claim));
    }
    sorted.sort_by_key(|(range, _, _)| *range);
    let available = length.map(|length| length - data);
    let mut header = Header { metadata: None, ..Header::default() };
    let mut position = 0;
    for ((begin, end), name, claim) in sorted {
        if begin != position {
            let expected = format!("data that begins at byte {position}");
            return Err(Error::weights(name, expected, format!("data_offsets {begin} to {end}")));
        }
        if let Some(available) = available.filter(|available| end > *available) {
            let expected = format!("data up to byte {end}");
            let found = format!("only {available} bytes of data: the file is truncated");
            return Err(Error::weights(name, expected, found));
        }
        let (shape, encoding) = shape_and_type(name, claim, end - begin)?;
        // No header is so long that this could overflow, but it may claim what it will.
        let [begin, end] = [begin, end].map(|at| data.saturating_add(at));
        header.tensors.insert(name.clone(), Entry { shape, encoding, begin, end });
        position = end - data;
    }
    header.length = data + position;
    match available.filter(|available| *available != position) {
        None => Ok(header),
        Some(available) => {
            let found = format!("{available} bytes");
            Err(Error::weights("end of file", format!("{position} bytes of data"), found))
        }
    }
}

/// The bytes that a tensor claims, as its `data_offsets` say.
fn claimed_range(name: &str, claim: &Value) -> Result<(u64, u64)> {
    let offsets = &claim["data_offsets"];
    match (offsets[0].as_u64(), offsets[1].as_u64()) {
        (Some(begin), Some(end)) if begin <= end && end < 1 << 50 => Ok((begin, end)),
        _ => Err(Error::weights(name, "data_offsets [begin, end]", offsets.to_string())),
    }
}

/// The shape and the type, once they are known to need as many bytes as the offsets span.
fn shape_and_type(
    name: &str,
    claim: &Value,
    spanned: u64,
) -> Result<(Vec<usize>, std::result::Result<Encoding, String>)> {
    let dtype: Dtype = serde_json::from_value(claim["dtype"].clone())
        .map_err(|_| Error::weights(name, "a known dtype", claim["dtype"].to_string()))?;
    let shape = claim["shape"].as_array().and_then(|shape| {
        shape.iter().map(|size| usize::try_from(size.as_u64()?).ok()).collect::<Option<Vec<_>>>()
    });
    let bits = shape.as_ref().and_then(|shape| {
        let mut sizes = shape.iter().map(|size| *size as u64);
        sizes.try_fold(dtype.bitsize() as u64, |bits, size| bits.checked_mul(size))
    });
    let encoding = match dtype {
        Dtype::I8 => Ok(Encoding::Int8),
        Dtype::F32 => Ok(Encoding::F32),
        Dtype::F16 => Ok(Encoding::F16),
        Dtype::BF16 => Ok(Encoding::Bf16),
        other => Err(other.to_string()),
    };
    match shape.filter(|_| bits.is_some_and(|bits| bits.div_ceil(8) == spanned)) {
        Some(shape) => Ok(match (dtype, &shape[..]) {
            (Dtype::I8, [rows, bytes]) if *bytes > INT8_SCALE => {
                (vec![*rows, bytes - INT8_SCALE], encoding)
            }
            (Dtype::I8, _) => (shape, Err("I8 that is no matrix of rows with scales".to_string())),
            _ => (shape, encoding),
        }),
        None => {
            let expected = format!("{spanned} bytes, as its data_offsets span");
            Err(Error::weights(name, expected, format!("{dtype} of shape {}", claim["shape"])))
        }
    }
}
