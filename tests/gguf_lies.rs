//! GGUF files that lie: each is an error that names the lie, and none is believed.

use glassformer::error::Error;
use glassformer::weights::{Header, Opening, Weights};

/// A GGUF in the making.
#[derive(Clone)]
struct File {
    version: u32,
    architecture: &'static str,
    /// Further metadata: key, type, value.
    fields: Vec<(&'static str, u32, Vec<u8>)>,
    /// Name, axes from the fastest, type, offset.
    tensors: Vec<(&'static str, Vec<u64>, u32, u64)>,
    data: usize,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl File {
    /// Two tensors: f32 `[2, 32]`, and Q4_0 `[3, 64]` after it.
    fn sound() -> File {
        let tensors = vec![
            ("blk.0.attn_norm.weight", vec![32, 2], 0, 0),
            ("blk.0.attn_q.weight", vec![64, 3], 2, 256),
        ];
        let fields = vec![("llama.block_count", 4, 1u32.to_le_bytes().to_vec())];
        File { version: 3, architecture: "llama", fields, tensors, data: 256 + 108 }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((1 + self.fields.len() as u64).to_le_bytes());
        bytes.extend([text("general.architecture"), 8u32.to_le_bytes().to_vec()].concat());
        bytes.extend(text(self.architecture));
        for (key, kind, value) in &self.fields {
            bytes.extend([text(key), kind.to_le_bytes().to_vec(), value.clone()].concat());
        }
        for (name, axes, kind, offset) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((axes.len() as u32).to_le_bytes());
            bytes.extend(axes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32) + self.data, 7);
        bytes
    }

    /// The error of a file that is not sound; all parts must be named.
    fn refused(&self, parts: &[&str]) -> Error {
        let error = Header::of(&self.bytes()).expect_err("this file must be refused");
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        error
    }
}

#[test]
fn a_sound_file_is_read_by_the_names_of_hugging_face() {
    for version in [2, 3] {
        let bytes = File { version, ..File::sound() }.bytes();
        let weights = Weights::new(Header::of(&bytes).expect("a sound file"));
        let layer = weights.pp("model.layers").pp(0);
        assert_eq!(layer.shape("input_layernorm.weight"), Some(&[2, 32][..]));
        let held = layer.ask("self_attn.q_proj.weight", &[3, 64]).expect("a tensor");
        assert_eq!(held.bytes, (bytes.len() as u64 - 108, bytes.len() as u64));
    }
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = File::sound().bytes();
    for end in 0..whole.len() {
        let error = Header::of(&whole[..end]).expect_err("a truncated file");
        assert_eq!(error.code(), "weights", "{error}");
        assert!(error.to_string().contains("truncated"), "{end}: {error}");
    }
}

/// Bytes that come one by one are read as those that come at once.
#[test]
fn a_head_may_come_in_pieces() {
    let whole = File::sound().bytes();
    for length in [None, Some(whole.len() as u64)] {
        let mut opening = Opening::new(length);
        let at = whole.chunks(1).position(|byte| {
            opening.push(byte).expect("no error before the head is there").is_some()
        });
        assert!(at.is_some_and(|at| at < whole.len()));
    }
}

#[test]
fn other_architectures_and_versions_are_named() {
    let file = File { architecture: "mamba", ..File::sound() };
    assert_eq!(file.refused(&["mamba", "llama, gpt2"]).code(), "config");
    for version in [0, 1, 4, 3 << 24] {
        File { version, ..File::sound() }.refused(&["version", &version.to_string()]);
    }
}

#[test]
fn a_type_that_the_engine_lacks_is_named_with_its_tensor() {
    for (kind, name) in [(10, "Q2_K"), (16, "IQ"), (99, "type 99")] {
        let mut file = File::sound();
        file.tensors[1].2 = kind;
        let weights = Weights::new(Header::of(&file.bytes()).expect("what nobody asks for"));
        let error = weights.ask("model.layers.0.self_attn.q_proj.weight", &[3, 64]).unwrap_err();
        assert_eq!(error.code(), "config");
        let message = error.to_string();
        assert!(message.contains("q_proj") && message.contains(name), "{message}");
    }
}

#[test]
fn lying_offsets_and_shapes_are_refused_and_the_tensor_named() {
    for offset in [1, 16, 33, 224, 288, 1 << 40, 1 << 63, u64::MAX - 31, u64::MAX] {
        let mut file = File::sound();
        file.tensors[1].3 = offset;
        file.refused(&["attn_q"]);
    }
    // The second tensor over the first, or the first over the second.
    let mut file = File::sound();
    file.tensors[1].3 = 0;
    file.refused(&["blk.0"]);
    for axes in [
        vec![64, 4],
        vec![63, 3],
        vec![0, 3],
        vec![64, u64::MAX],
        vec![1 << 40, 1 << 40],
        vec![1 << 32, 1 << 31, 2],
        vec![64, 3, 1, 1, 1],
    ] {
        let mut file = File::sound();
        file.tensors[1].1 = axes;
        file.refused(&["attn_q"]);
    }
    let mut file = File::sound();
    file.tensors[1].0 = "blk.0.attn_norm.weight";
    file.refused(&["two of them"]);
}

/// Counts that would ask for terabytes; nothing is allocated by them.
#[test]
fn lying_counts_are_refused() {
    let sound = File::sound().bytes();
    for at in [8, 16, 24] {
        for count in [1u64 << 20, 1 << 32, 1 << 40, 1 << 60, u64::MAX] {
            let mut bytes = sound.clone();
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            assert_eq!(Header::of(&bytes).expect_err("a lie").code(), "weights");
            // Of unknown length it may ask for more, but not for more than a head has.
            if let Err(error) = Opening::new(None).push(&bytes) {
                assert_eq!(error.code(), "weights");
            }
        }
    }
    for (kind, count) in [(8u32, 1u64 << 40), (4, 1 << 50), (0, u64::MAX), (9, 3), (77, 2)] {
        let list = [kind.to_le_bytes().to_vec(), count.to_le_bytes().to_vec()].concat();
        let mut file = File::sound();
        file.fields.push(("tokenizer.ggml.tokens", 9, list));
        file.refused(&["tokenizer.ggml.tokens"]);
    }
    let mut file = File::sound();
    file.fields.push(("general.alignment", 4, 0u32.to_le_bytes().to_vec()));
    file.refused(&["general.alignment"]);
}

#[test]
fn other_kinds_of_files_are_refused_at_their_first_bytes() {
    for start in
        [&b"GGML\x03\0\0\0\0\0\0\0"[..], b"<!DOCTYPE html><html>", b"PK\x03\x04\0\0\0\0\0\0\0\0"]
    {
        let bytes = [start, &[b'x'; 200]].concat();
        assert_eq!(Header::of(&bytes).expect_err("no weight file").code(), "weights");
        assert_eq!(Opening::new(None).push(&bytes).expect_err("none").code(), "weights");
    }
}

/// One wrong byte anywhere in the head: refused or read, but never a panic.
#[test]
fn no_single_wrong_byte_brings_the_reader_down() {
    let whole = File::sound().bytes();
    let mut refused = 0;
    for at in 0..whole.len() - 364 {
        for flipped in [0x01, 0x04, 0x10, 0x40, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flipped;
            match Header::of(&bytes) {
                Err(error) => {
                    assert!(["weights", "config"].contains(&error.code()));
                    refused += 1;
                }
                Ok(header) => {
                    let last = header.tensors.values().map(|entry| entry.end).max();
                    assert!(last.is_none_or(|last| last <= bytes.len() as u64));
                }
            }
        }
    }
    assert!(refused > 500, "{refused}");
}
