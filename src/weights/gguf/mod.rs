//! Reads the head of a GGUF, versions 2 and 3; every lie in it is an error that names the tensor.

mod config;
mod metadata;
mod names;
mod reader;
mod tokenizer;

use super::encoding::Encoding;
use super::header::{Entry, Header, Opened};
use crate::error::{Error, Result};

pub use config::config_files;
pub use metadata::{Metadata, Value};
use names::hugging_face_name;
use reader::{Reader, Stop};
pub use tokenizer::Tokens;

/// The first four bytes.
pub const MAGIC: &[u8] = b"GGUF";

/// Families whose tensors and metadata the engine knows.
const ARCHITECTURES: [&str; 2] = ["llama", "gpt2"];

/// A tensor as the head claims it.
struct Claim {
    name: String,
    shape: Vec<u64>,
    kind: u32,
    offset: u64,
}

/// Checks all claims against the bytes that the file has; asks for no memory beyond the head.
pub fn read(bytes: &[u8], length: Option<u64>) -> Result<Opened> {
    let mut reader = Reader::new(bytes, length);
    match read_all(&mut reader) {
        Ok((metadata, claims)) => {
            let alignment = match metadata.get("general.alignment") {
                None => 32,
                Some(Value::Number(size)) if *size >= 1.0 && size.log2().fract() == 0.0 => {
                    *size as u64
                }
                Some(other) => {
                    let found = format!("{other:?}");
                    return Err(Error::weights("general.alignment", "a power of two", found));
                }
            };
            let data = reader.position().next_multiple_of(alignment);
            survey(metadata, claims, data, alignment, length).map(Opened::Head)
        }
        Err(Stop::More(least)) => Ok(Opened::More(least)),
        Err(Stop::Wrong(error)) => Err(error),
    }
}

fn read_all(reader: &mut Reader) -> std::result::Result<(Metadata, Vec<Claim>), Stop> {
    reader.bytes("magic", MAGIC.len() as u64)?;
    let version = reader.number("version")?;
    if !(2..=3).contains(&version) {
        let error = Error::weights("version", "GGUF 2 or 3", u32::to_string(&version));
        return Err(Stop::Wrong(error));
    }
    let tensors = reader.count("number of tensors", 24)?;
    let fields = reader.count("number of metadata fields", 13)?;
    let mut metadata = Metadata::default();
    for _ in 0..fields {
        let key = reader.text("a metadata key")?;
        let kind = reader.number(&key)?;
        let value = reader.value(&key, kind)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(Stop::Wrong(Error::weights(key, "one value", "two of them")));
        }
        // What is no model of ours need not be fetched any further.
        check_architecture(&metadata)?;
    }
    let mut claims = vec![];
    for _ in 0..tensors {
        let name = reader.text("the name of a tensor")?;
        let axes: u32 = reader.number(&name)?;
        if axes > 4 {
            let error = Error::weights(name, "at most 4 axes", axes.to_string());
            return Err(Stop::Wrong(error));
        }
        let shape = (0..axes).map(|_| reader.size(&name)).collect::<std::result::Result<_, _>>()?;
        let kind = reader.number(&name)?;
        let offset = reader.size(&name)?;
        claims.push(Claim { name, shape, kind, offset });
    }
    Ok((metadata, claims))
}

fn check_architecture(metadata: &Metadata) -> std::result::Result<(), Stop> {
    match metadata.get("general.architecture") {
        None => Ok(()),
        Some(Value::Text(known)) if ARCHITECTURES.contains(&known.as_str()) => Ok(()),
        Some(other) => {
            let expected = format!("one of {}", ARCHITECTURES.join(", "));
            let found = format!("{other:?}");
            Err(Stop::Wrong(Error::config("GGUF, general.architecture", expected, found)))
        }
    }
}

/// Holds the claims of every tensor against each other and against the bytes there are.
fn survey(
    metadata: Metadata,
    mut claims: Vec<Claim>,
    data: u64,
    alignment: u64,
    length: Option<u64>,
) -> Result<Header> {
    let Some(Value::Text(architecture)) = metadata.get("general.architecture") else {
        let expected = format!("one of {}", ARCHITECTURES.join(", "));
        return Err(Error::config("GGUF, general.architecture", expected, "no such field"));
    };
    claims.sort_by_key(|claim| claim.offset);
    let mut header = Header::default();
    let mut position = 0;
    for claim in claims {
        let Claim { name, offset, .. } = &claim;
        if !offset.is_multiple_of(alignment) || *offset < position {
            let expected =
                format!("data at or after byte {position}, at a multiple of {alignment}");
            return Err(Error::weights(name, expected, format!("an offset of {offset}")));
        }
        let (shape, encoding) = shape_and_type(&claim)?;
        let bytes = match &encoding {
            Ok(encoding) => bytes_of(&claim, *encoding)?,
            Err(_) => 0,
        };
        let end = offset.checked_add(bytes).and_then(|end| end.checked_add(data));
        let most = length.unwrap_or(1 << 50);
        let Some(end) = end.filter(|end| *end <= most) else {
            let expected = format!("{bytes} bytes from byte {offset} of the data on");
            let found = format!("a file of {most} bytes: it is truncated");
            return Err(Error::weights(name, expected, found));
        };
        position = end - data;
        header.length = end;
        let entry = Entry { shape, encoding, begin: data + offset, end };
        let known = hugging_face_name(architecture, name);
        if header.tensors.insert(known, entry).is_some() {
            return Err(Error::weights(name, "one tensor of that name", "two of them"));
        }
    }
    Ok(Header { metadata: Some(metadata), ..header })
}

/// GGUF counts axes from the fastest; shapes here begin with the slowest.
fn shape_and_type(claim: &Claim) -> Result<(Vec<usize>, std::result::Result<Encoding, String>)> {
    let sizes = claim.shape.iter().rev().map(|size| usize::try_from(*size).ok());
    let Some(shape) = sizes.collect::<Option<Vec<usize>>>() else {
        let found = format!("{:?}", claim.shape);
        return Err(Error::weights(&claim.name, "a shape that memory may hold", found));
    };
    let encoding = match claim.kind {
        0 => Ok(Encoding::F32),
        1 => Ok(Encoding::F16),
        2 => Ok(Encoding::Q4_0),
        3 => Ok(Encoding::Q4_1),
        6 => Ok(Encoding::Q5_0),
        7 => Ok(Encoding::Q5_1),
        8 => Ok(Encoding::Q8_0),
        10 => Err("Q2_K".to_string()),
        11 => Err("Q3_K".to_string()),
        12 => Ok(Encoding::Q4K),
        13 => Ok(Encoding::Q5K),
        14 => Ok(Encoding::Q6K),
        16..=23 | 29 => Err(format!("an IQ type, number {}", claim.kind)),
        30 => Ok(Encoding::Bf16),
        other => Err(format!("type {other}")),
    };
    Ok((shape, encoding))
}

/// The bytes that a tensor takes, whose rows must be whole blocks.
fn bytes_of(claim: &Claim, encoding: Encoding) -> Result<u64> {
    let (values, bytes) = encoding.block();
    let columns = claim.shape.first().copied().unwrap_or(1);
    let all = claim.shape.iter().try_fold(1u64, |all, size| all.checked_mul(*size));
    let whole = columns.is_multiple_of(values as u64) && columns > 0;
    let bytes = all.filter(|_| whole).map(|all| (all / values as u64).checked_mul(bytes as u64));
    bytes.flatten().ok_or_else(|| {
        let expected = format!("rows of a multiple of {values} values, as {encoding:?} has them");
        Error::weights(&claim.name, expected, format!("axes of {:?}", claim.shape))
    })
}
