//! Weight files that lie: each is an error that names the lie, and none is believed.
#![cfg(not(target_arch = "wasm32"))]

use std::rc::Rc;

use glassformer::error::{Error, Result};
use glassformer::executor::{Device, Read};
use glassformer::loading::{Loader, Loading};
use glassformer::tensor::{Place, Tensor};
use glassformer::weights::{Header, Weights};
use serde_json::{Value, json};

fn open(bytes: &[u8]) -> Result<Weights> {
    Header::of(bytes).map(Weights::new)
}

/// The values of a tensor of the file, as they arrive on a device.
fn values(bytes: &[u8], name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
    let weights = open(bytes)?;
    let device = Rc::new(Device::cpu());
    let loader = Loader::new(&device, None);
    let tensor: Tensor = match shape {
        [0, width] => loader.vectors(&weights, &[name], width)?,
        shape => loader.table(&weights, name, shape)?,
    };
    let room = loader.finish();
    let mut loading = Loading::new((), Rc::clone(&device), room, weights.header());
    loading.feed(bytes);
    loading.finish()?;
    let Place::Resident(buffer) = tensor.place else { panic!("a buffer of the device") };
    let read = Read { buffer, first: 0, words: tensor.len() };
    Ok(pollster::block_on(device.read(read))?.into_iter().map(f32::from_bits).collect())
}

/// A safetensors file of the given header and `length` bytes of data.
fn file(header: &Value, length: usize) -> Vec<u8> {
    let text = header.to_string();
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend((0..length).map(|i| i as u8));
    bytes
}

fn tensor(dtype: &str, shape: &[u64], begin: u64, end: u64) -> Value {
    json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})
}

fn header() -> Value {
    json!({
        "__metadata__": {"format": "pt"},
        "model.a.weight": tensor("F32", &[2, 3], 0, 24),
        "model.b.weight": tensor("F16", &[4], 24, 32),
        "model.c.weight": tensor("BF16", &[2], 32, 36),
        "model.d.weight": tensor("I64", &[1], 36, 44),
    })
}

fn refuse(bytes: &[u8]) -> Error {
    let error = open(bytes).expect_err("this file must be refused");
    assert_eq!(error.code(), "weights");
    error
}

/// The header of `header()` with one tensor's entry replaced; the message must name `part`.
fn refuse_entry(entry: Value, part: &str) -> String {
    let mut header = header();
    header["model.b.weight"] = entry;
    let message = refuse(&file(&header, 44)).to_string();
    assert!(message.contains(part), "{message}");
    message
}

#[test]
fn floats_of_three_kinds_are_read_by_path() {
    let values = [1.0f32, -2.5, 0.0, 3.0e-5, 7.0, 65504.0];
    let mut bytes = file(&header(), 0);
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend([0x3c00u16, 0xc000, 0x0001, 0x7bff].iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend([0x3f80u16, 0xc020].iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend(1i64.to_le_bytes());

    assert_eq!(self::values(&bytes, "model.a.weight", [2, 3]).unwrap(), values);
    let halves = [1.0, -2.0, 5.960_464_5e-8, 65504.0];
    assert_eq!(self::values(&bytes, "model.b.weight", [0, 4]).unwrap(), halves);
    assert_eq!(self::values(&bytes, "model.c.weight", [0, 2]).unwrap(), [1.0, -2.5]);
    let weights = open(&bytes).unwrap();
    let model = weights.pp("model");
    assert!(model.contains("d.weight") && !model.contains("weight"));
    assert_eq!(model.shape("a.weight"), Some(&[2, 3][..]));
    assert_eq!(weights.unread().len(), 4);
    model.ask("a.weight", &[2, 3]).unwrap();
    assert_eq!(weights.unread(), ["model.b.weight", "model.c.weight", "model.d.weight"]);
    assert_eq!(weights.values_read(), 6);
    assert_eq!(model.pp(3).pp("x").path("bias"), "model.3.x.bias");
    assert_eq!(model.first_held(&["z.weight", "a.weight"]), "a.weight");
}

#[test]
fn a_tensor_that_is_not_as_the_model_needs_it_is_named() {
    let bytes = file(&header(), 44);
    let weights = open(&bytes).unwrap();
    for (error, code, told) in [
        (weights.ask("model.e.weight", &[2, 3]), "weights", ["model.e.weight", "no tensor"]),
        (weights.pp("model.a").ask("weight", &[3, 2]), "weights", ["[3, 2]", "[2, 3]"]),
        (weights.ask("model.a.weight", &[6]), "weights", ["model.a.weight", "[6]"]),
        (weights.ask("model.a.weight", &[usize::MAX]), "weights", ["model.a.weight", "[2, 3]"]),
        (weights.ask("model.d.weight", &[1]), "config", ["model.d.weight", "I64"]),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.code(), code);
        let message = error.to_string();
        assert!(told.iter().all(|part| message.contains(part)), "{message}");
    }
    assert_eq!(weights.unread().len(), 4, "what failed has not been read");
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = file(&header(), 44);
    assert!(open(&whole).is_ok());
    for end in 0..whole.len() {
        let message = refuse(&whole[..end]).to_string();
        let parts = ["header length", "header", "truncated"];
        assert!(parts.iter().any(|part| message.contains(part)), "{end}: {message}");
    }
    let message = refuse(&whole[..whole.len() - 10]).to_string();
    assert!(message.contains("model.c.weight") || message.contains("model.d.weight"), "{message}");
}

/// The golden models are whole files as transformers writes them.
#[test]
fn a_truncated_model_is_refused_at_every_tenth_part() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/marian_gelu/model.safetensors");
    let whole = std::fs::read(path).unwrap();
    assert!(open(&whole).unwrap().contains("model.shared.weight"));
    for tenth in 0..10 {
        refuse(&whole[..whole.len() * tenth / 10]);
    }
}

#[test]
fn bytes_after_the_last_tensor_are_refused() {
    let mut bytes = file(&header(), 44);
    bytes.push(0);
    assert!(refuse(&bytes).to_string().contains("end of file"));
}

#[test]
fn a_lying_header_length_is_refused() {
    let mut bytes = file(&header(), 44);
    let (text, all) = (header().to_string().len() as u64, bytes.len() as u64);
    for length in [0, 1, text - 1, all - 7, all, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 7, u64::MAX]
    {
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        assert!(refuse(&bytes).to_string().contains("header"), "{length}");
    }
}

#[test]
fn a_header_that_is_none_is_refused() {
    for text in ["", "{", "[]", "null", "{\"a\": 3}", "{\"a\": {}}", "\u{feff}{}", "{\"a\":\"\0\"}"]
    {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        refuse(&bytes);
    }
    refuse(b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0");
    refuse(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
}

#[test]
fn lying_offsets_are_refused_and_the_tensor_named() {
    for (begin, end) in [
        (23, 32),
        (20, 28),
        (0, 24),
        (25, 33),
        (32, 24),
        (24, 31),
        (24, 33),
        (24, 45),
        (24, u64::MAX),
        (u64::MAX, u64::MAX),
        (1 << 32, (1 << 32) + 8),
    ] {
        // An overlap shows at whichever of the two comes second.
        refuse_entry(tensor("F16", &[4], begin, end), "model.");
    }
    for offsets in
        [json!(null), json!([24]), json!([-1, 32]), json!(["24", "32"]), json!([24.5, 32])]
    {
        let entry = json!({"dtype": "F16", "shape": [4], "data_offsets": offsets});
        refuse_entry(entry, "model.b.weight");
    }
}

#[test]
fn lying_shapes_and_types_are_refused_and_the_tensor_named() {
    for shape in [
        &[5][..],
        &[],
        &[0],
        &[1 << 63, 2],
        &[u64::MAX, u64::MAX],
        &[1 << 32, 1 << 32],
        &[1 << 31, 1 << 31, 4],
    ] {
        refuse_entry(tensor("F16", shape, 24, 32), "model.b.weight");
    }
    for shape in [json!(null), json!(4), json!([-4]), json!([4.5]), json!(["4"])] {
        let entry = json!({"dtype": "F16", "shape": shape, "data_offsets": [24, 32]});
        refuse_entry(entry, "model.b.weight");
    }
    for dtype in ["F32", "U8", "F17", "", "f16"] {
        refuse_entry(tensor(dtype, &[4], 24, 32), "model.b.weight");
    }
    assert!(refuse_entry(tensor("F17", &[4], 24, 32), "F17").contains("dtype"));
}

/// One wrong byte anywhere in the header: refused or read, but never a panic.
#[test]
fn no_single_wrong_byte_brings_the_reader_down() {
    let whole = file(&header(), 44);
    let mut refused = 0;
    for at in 0..whole.len() - 44 {
        for flipped in [0x01, 0x04, 0x10, 0x40, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flipped;
            match open(&bytes) {
                Err(error) => {
                    assert_eq!(error.code(), "weights");
                    refused += 1;
                }
                Ok(weights) => weights.unread().iter().for_each(|name| {
                    let shape = weights.shape(name).unwrap();
                    let _ = weights.ask(name, shape).map(|held| assert!(held.bytes.1 <= 512));
                }),
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}
