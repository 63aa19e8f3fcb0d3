//! Weights that flow by: chunks of any size give the same buffers, and next to nothing is kept.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::cell::RefCell;
use std::rc::Rc;

use glassformer::executor::{Device, Read};
use glassformer::loading::{Layout, Loader, Loading, Part};
use glassformer::tensor::{Place, Tensor};
use glassformer::weights::{Header, Opening, Storage, Weights};
use serde_json::{Map, json};

/// A safetensors file of f32 tensors, their values counting up from 0.
fn file(tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut header = Map::new();
    let mut at = 0;
    for (name, shape) in tensors {
        let end = at + 4 * shape.iter().product::<usize>();
        let claim = json!({"dtype": "F32", "shape": shape, "data_offsets": [at, end]});
        header.insert(name.to_string(), claim);
        at = end;
    }
    let text = serde_json::Value::Object(header).to_string();
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend((0..at / 4).flat_map(|value| (value as f32).to_le_bytes()));
    bytes
}

const TENSORS: &[(&str, &[usize])] = &[
    ("a.bias", &[8]),
    ("a.weight", &[8, 36]),
    ("nobody.asks", &[5, 7]),
    ("b.weight", &[36, 6]),
    ("norm.bias", &[36]),
    ("c.weight", &[300, 36]),
    ("b.bias", &[6]),
    ("norm.weight", &[36]),
];

/// The words of all buffers after a file has flowed by in chunks of a size.
fn flow(bytes: &[u8], storage: Option<Storage>, size: usize) -> Vec<Vec<u32>> {
    let mut opening = Opening::new(Some(bytes.len() as u64));
    let mut chunks = bytes.chunks(size);
    let header = loop {
        if let Some(header) = opening.push(chunks.next().expect("a head")).expect("a head") {
            break header;
        }
    };
    let weights = Weights::new(header);
    let device = Rc::new(Device::cpu());
    let loader = Loader::new(&device, storage);
    let part = |name: &str, outputs, has_bias, layout| {
        Part::new(&weights.pp(name), outputs, has_bias, layout)
    };
    let parts = [
        part("a", 8, true, Layout::Halves { width: 4 }),
        part("b", 6, true, Layout::Columns),
        part("c", 300, false, Layout::Rows),
    ];
    let matrix = loader.matrix(36, &parts).expect("a matrix");
    let again = loader.matrix(36, &parts[2..]).expect("the same tensor at another place");
    let norm = loader.vectors(&weights.pp("norm"), &["weight", "bias"], 36).expect("a norm");
    assert_eq!(weights.unread(), ["nobody.asks"]);
    let mut loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
    loading.feed(opening.bytes());
    chunks.for_each(|chunk| loading.feed(chunk));
    let (done, all) = loading.progress();
    assert_eq!((done, all), (bytes.len() as u64, bytes.len() as u64));
    loading.finish().expect("all of the file");
    let tensors = [matrix.words, matrix.rows, again.words, again.rows, norm];
    tensors.map(|tensor| words(&device, tensor)).to_vec()
}

fn words(device: &Device, tensor: Tensor) -> Vec<u32> {
    let Place::Resident(buffer) = tensor.place else { panic!("a buffer of the device") };
    let read = Read { buffer, first: 0, words: tensor.len() };
    pollster::block_on(device.read(read)).expect("words")
}

#[test]
fn chunks_of_any_size_give_the_same_buffers() {
    let bytes = file(TENSORS);
    for storage in Storage::ALL {
        let whole = flow(&bytes, Some(storage), bytes.len());
        for size in [1, 7, 4096] {
            assert_eq!(flow(&bytes, Some(storage), size), whole, "{storage:?} by {size} bytes");
        }
    }
}

#[test]
fn rows_come_to_lie_as_the_model_says() {
    let [words, rows, ..] = &flow(&file(TENSORS), None, 100)[..] else { panic!("five buffers") };
    let value = |row: usize, column: usize| f32::from_bits(words[row * 64 + column]);
    let bias = |row: usize| f32::from_bits(rows[row * 2 + 1]);
    // a: rows 0, 2, 1, 3 of a head of four. Its values begin at 8, after its biases.
    for (row, source) in [0, 2, 1, 3, 4, 6, 5, 7].into_iter().enumerate() {
        assert_eq!((value(row, 0), bias(row)), ((8 + source * 36) as f32, source as f32));
        assert_eq!(value(row, 35), (8 + source * 36 + 35) as f32);
    }
    // b: turned over.
    let first = 8 + 8 * 36 + 35;
    let biases = first + 36 * 6 + 36 + 300 * 36;
    for row in 0..6 {
        assert_eq!(
            (value(8 + row, 0), value(8 + row, 1)),
            ((first + row) as f32, (first + row + 6) as f32)
        );
        assert_eq!(bias(8 + row), (biases + row) as f32);
    }
    assert_eq!((value(14, 0), bias(14)), ((first + 36 * 6 + 36) as f32, 0.0));
}

/// As large as SmolLM2's table of tokens, and wholes that it never holds.
#[test]
fn next_to_nothing_is_kept() {
    let (rows, columns) = (49_152, 576);
    let claim = json!({"t.weight": {"dtype": "F16", "shape": [rows, columns],
        "data_offsets": [0, rows * columns * 2]}});
    let text = claim.to_string();
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend(text.as_bytes());
    let length = head.len() + rows * columns * 2;
    let mut opening = Opening::new(Some(length as u64));
    let header = opening.push(&head).expect("a head").expect("all of it");
    let weights = Weights::new(header);
    let device = Rc::new(Device::cpu());
    let loader = Loader::new(&device, Some(Storage::Int8));
    let part = Part::new(&weights.pp("t"), rows, false, Layout::Rows);
    loader.matrix(columns, &[part]).expect("a matrix");
    let mut loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
    loading.feed(&head);
    let chunk = vec![0x3c; 1 << 20];
    let mut most = 0;
    let mut left = length - head.len();
    while left > 0 {
        let count = left.min(chunk.len());
        loading.feed(&chunk[..count]);
        most = most.max(loading.held_bytes());
        left -= count;
    }
    loading.finish().expect("all of the file");
    assert!(most < 1 << 20, "{most} bytes were kept of a file of {length}");
}

#[test]
fn a_file_that_ends_early_is_an_error() {
    let bytes = file(TENSORS);
    let device = Rc::new(Device::cpu());
    for end in [bytes.len() - 1, bytes.len() - 36 * 4, bytes.len() / 2] {
        let weights = Weights::new(Header::of(&bytes).expect("a head"));
        let loader = Loader::new(&device, None);
        loader.vectors(&weights.pp("norm"), &["weight"], 36).expect("a norm");
        let mut loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
        loading.feed(&bytes[..end]);
        let message = loading.finish().unwrap_err().to_string();
        assert!(message.contains("truncated"), "{message}");
    }
}

#[test]
fn progress_and_errors_of_reading_are_passed_on() {
    let bytes = file(TENSORS);
    let device = Rc::new(Device::cpu());
    let weights = Weights::new(Header::of(&bytes).expect("a head"));
    let loader = Loader::new(&device, None);
    loader.vectors(&weights.pp("norm"), &["weight"], 36).expect("a norm");
    let loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
    let told = RefCell::new(vec![]);
    loading.read(&mut &bytes[..], &|done, all| told.borrow_mut().push((done, all))).expect("read");
    let all = bytes.len() as u64;
    assert_eq!(*told.borrow(), [(0, all), (all, all)]);
}

#[test]
fn a_matrix_beyond_any_buffer_is_refused_before_room_is_asked_for() {
    // Two terabytes, if the head were to be believed: of a length that nobody knows.
    let claim = json!({"t.weight": {"dtype": "F16", "shape": [1u64 << 30, 1u64 << 10],
        "data_offsets": [0, 1u64 << 41]}});
    let text = claim.to_string();
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend(text.as_bytes());
    let header = Opening::new(None).push(&head).expect("a head").expect("all of it");
    let weights = Weights::new(header);
    let device = Device::cpu();
    let loader = Loader::new(&device, None);
    let part = Part::new(&weights.pp("t"), 1 << 30, false, Layout::Rows);
    let error = loader.matrix(1 << 10, &[part]).unwrap_err();
    assert_eq!(error.code(), "memory");
    assert!(error.to_string().contains("t.weight"), "{error}");
}

/// Four gibibytes, more than any adapter binds at once.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_matrix_beyond_the_adapters_bindings_is_refused_with_its_limit() {
    let (rows, columns) = (1 << 20, 1 << 10);
    let claim = json!({"t.weight": {"dtype": "F32", "shape": [rows, columns],
        "data_offsets": [0, 4u64 << 30]}});
    let text = claim.to_string();
    let mut head = (text.len() as u64).to_le_bytes().to_vec();
    head.extend(text.as_bytes());
    let header = Opening::new(None).push(&head).expect("a head").expect("all of it");
    let weights = Weights::new(header);
    let device = common::native::gpu();
    let before = device.allocated_bytes();
    let part = Part::new(&weights.pp("t"), rows, false, Layout::Rows);
    let error = Loader::new(&device, None).matrix(columns, &[part]).unwrap_err();
    assert_eq!(error.code(), "memory");
    let message = error.to_string();
    for part in ["t.weight", "4294967296", "maxStorageBufferBindingSize"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(device.allocated_bytes(), before);
}

#[test]
fn int8_rows_bring_their_scales() {
    let rows: [(f32, [i8; 3]); 2] = [(0.5, [127, -2, 0]), (3.0, [-127, 1, 100])];
    let header = json!({
        "a.weight": {"dtype": "I8", "shape": [2, 7], "data_offsets": [0, 14]},
        "flat.weight": {"dtype": "I8", "shape": [3], "data_offsets": [14, 17]},
    });
    let text = header.to_string();
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    for (scale, numbers) in rows {
        bytes.extend(scale.to_le_bytes());
        bytes.extend(numbers.map(|number| number as u8));
    }
    bytes.extend([0; 3]);
    let weights = Weights::new(Header::of(&bytes).expect("a head"));
    let device = Rc::new(Device::cpu());
    let loader = Loader::new(&device, Some(Storage::F32));
    let part = |layout| Part::new(&weights.pp("a"), 2, false, layout);
    let matrix = loader.matrix(3, &[part(Layout::Rows)]).expect("a matrix");
    assert!(loader.table(&weights.pp("a"), "weight", [2, 3]).is_err(), "no matrix of a product");
    assert!(loader.vectors(&weights.pp("flat"), &["weight"], 3).is_err(), "no rows");
    let mut loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
    loading.feed(&bytes);
    loading.finish().expect("all of the file");
    let found = words(&device, matrix.words);
    for (row, (scale, numbers)) in found.chunks_exact(32).zip(rows) {
        let values = row.iter().map(|word| f32::from_bits(*word));
        assert!(values.take(3).eq(numbers.map(|number| scale * f32::from(number))));
    }
}
