//! Reads `model.safetensors` from memory; every lie in it is an error that names the tensor.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// An open weight file: names, shapes, and views into the bytes.
#[derive(Debug)]
pub struct File<'a> {
    tensors: SafeTensors<'a>,
}

impl<'a> File<'a> {
    /// Checks the header against the bytes there are; reads and allocates no tensor.
    pub fn open(bytes: &'a [u8]) -> Result<File<'a>> {
        let header = header(bytes)?;
        survey(&header, bytes)?;
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| Error::weights("header", "a safetensors header", error.to_string()))?;
        Ok(File { tensors })
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.tensors.names();
        names.sort_unstable();
        names
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The shape of a tensor, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(name).ok().map(|view| view.shape().to_vec())
    }

    /// The values of a tensor of the given shape as f32, whatever float it is stored in.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.tensors.tensor(name).map_err(|_| {
            Error::weights(name, format!("a tensor of shape {shape:?}"), "no tensor of that name")
        })?;
        if view.shape() != shape {
            let found = format!("shape {:?}", view.shape());
            return Err(Error::weights(name, format!("shape {shape:?}"), found));
        }
        decode(name, &view)
    }
}

fn decode(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => words(data, f32::from_le_bytes),
        Dtype::F16 => words(data, |word| f16::from_le_bytes(word).to_f32()),
        Dtype::BF16 => words(data, |word| bf16::from_le_bytes(word).to_f32()),
        other => {
            return Err(Error::weights(name, "dtype F32, F16 or BF16", format!("{other}")));
        }
    })
}

/// `N` bytes a value; the header has been checked against the length, so nothing is left over.
fn words<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|word| value(*word)).collect()
}

/// The JSON header, after its length has been held against the file's.
fn header(bytes: &[u8]) -> Result<Map<String, Value>> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        let found = format!("{} bytes in all", bytes.len());
        return Err(Error::weights("header length", "8 bytes", found));
    };
    let length = u64::from_le_bytes(*length);
    let Some(text) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        let expected = format!("at most the {} bytes that follow it", rest.len());
        return Err(Error::weights("header length", expected, length.to_string()));
    };
    match serde_json::from_slice(text) {
        Ok(Value::Object(header)) => Ok(header),
        Ok(_) => Err(Error::weights("header", "a JSON object", "another kind of JSON")),
        Err(error) => Err(Error::weights("header", "a JSON object", error.to_string())),
    }
}

/// Holds the claims of every tensor against each other and against the bytes there are, in 64 bits
/// so that none overflows where pointers have 32; the crate's own checks name no tensor.
fn survey(header: &Map<String, Value>, bytes: &[u8]) -> Result<()> {
    let mut claims = Vec::with_capacity(header.len());
    for (name, claim) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        claims.push((claimed_range(name, claim)?, name, claim));
    }
    claims.sort_by_key(|(range, _, _)| *range);

    let text_length = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let available = bytes.len() as u64 - 8 - text_length;
    let mut position = 0;
    for ((begin, end), name, claim) in claims {
        if begin != position {
            let expected = format!("data that begins at byte {position}");
            return Err(Error::weights(name, expected, format!("data_offsets {begin} to {end}")));
        }
        if end > available {
            let expected = format!("data up to byte {end}");
            let found = format!("only {available} bytes of data: the file is truncated");
            return Err(Error::weights(name, expected, found));
        }
        check_size(name, claim, end - begin)?;
        position = end;
    }
    if position != available {
        let found = format!("{available} bytes");
        return Err(Error::weights("end of file", format!("{position} bytes of data"), found));
    }
    Ok(())
}

/// The bytes that a tensor claims, as its `data_offsets` say.
fn claimed_range(name: &str, claim: &Value) -> Result<(u64, u64)> {
    let offsets = &claim["data_offsets"];
    match (offsets[0].as_u64(), offsets[1].as_u64()) {
        (Some(begin), Some(end)) if begin <= end => Ok((begin, end)),
        _ => Err(Error::weights(name, "data_offsets [begin, end]", offsets.to_string())),
    }
}

/// Whether the shape and the dtype need just as many bytes as the offsets span.
fn check_size(name: &str, claim: &Value, spanned: u64) -> Result<()> {
    let dtype: Dtype = serde_json::from_value(claim["dtype"].clone())
        .map_err(|_| Error::weights(name, "a known dtype", claim["dtype"].to_string()))?;
    let needed = claim["shape"].as_array().and_then(|shape| {
        let mut sizes = shape.iter().map(Value::as_u64);
        let bits = sizes.try_fold(dtype.bitsize() as u64, |n, size| n.checked_mul(size?))?;
        Some(bits.div_ceil(8))
    });
    if needed == Some(spanned) {
        return Ok(());
    }
    let expected = format!("{spanned} bytes, as its data_offsets span");
    Err(Error::weights(name, expected, format!("{dtype} of shape {}", claim["shape"])))
}
