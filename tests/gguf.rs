//! GGUF files as other libraries write and read them: values of every type, and tokenizers.
#![cfg(not(target_arch = "wasm32"))]

use std::path::PathBuf;
use std::rc::Rc;

use glassformer::executor::{Device, Read};
use glassformer::loading::{Layout, Loader, Loading, Part};
use glassformer::ops::weight::{Matrix, Weight};
use glassformer::tensor::{Place, Tensor};
use glassformer::weights::{Header, Storage, Tokens, Weights, config_files};
use safetensors::SafeTensors;
use serde_json::Value;
use tokenizers::Tokenizer;

fn golden(file: &str) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gguf"));
    std::fs::read(folder.join(file)).expect("a golden file")
}

fn words(device: &Device, tensor: Tensor) -> Vec<u32> {
    let Place::Resident(buffer) = tensor.place else { panic!("a buffer of the device") };
    let read = Read { buffer, first: 0, words: tensor.len() };
    pollster::block_on(device.read(read)).expect("words")
}

/// A matrix `[3, 512]` of the golden file as kernels get it, and its values.
fn loaded(file: &[u8], names: &[&str], storage: Option<Storage>) -> (Weight, Vec<f32>) {
    let weights = Weights::new(Header::of(file).expect("a head"));
    let device = Rc::new(Device::cpu());
    let loader = Loader::new(&device, storage);
    let part = |name: &&str| Part {
        name: name.to_string(),
        ..Part::new(&weights.pp("tensor"), 3, false, Layout::Rows)
    };
    let parts: Vec<Part> = names.iter().map(part).collect();
    let weight = loader.matrix(512, &parts).expect("a matrix");
    let mut loading = Loading::new((), Rc::clone(&device), loader.finish(), weights.header());
    loading.feed(file);
    loading.finish().expect("all of the file");
    let (packed, rows) = (words(&device, weight.words), words(&device, weight.rows));
    let matrix = Matrix::new(weight.storage as usize, &packed, &rows, 512);
    let mut values = vec![0.0; 3 * names.len() * 512];
    values.chunks_mut(512).enumerate().for_each(|(row, values)| matrix.unpack(row, values));
    (weight, values)
}

/// The largest difference, relative to the largest value of the same row.
fn worst(expected: &[f32], found: &[f32]) -> f32 {
    let rows = expected.chunks(512).zip(found.chunks(512)).map(|(expected, found)| {
        let size = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let apart = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f32::max) / size
    });
    rows.fold(0.0, f32::max)
}

#[test]
fn every_type_has_the_values_that_another_reader_finds() {
    let (file, values) = (golden("types.gguf"), golden("types.safetensors"));
    let values = SafeTensors::deserialize(&values).expect("values");
    let names = values.names();
    assert_eq!(names.len(), 11);
    for name in names {
        let kind = name.rsplit('.').next().expect("a type");
        let tensor = values.tensor(name).expect("values");
        let words = tensor.data().as_chunks().0.iter();
        let expected: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
        let (exact, found) = loaded(&file, &[kind], Some(Storage::F32));
        assert_eq!(exact.storage, Storage::F32);
        assert!(worst(&expected, &found) < 1e-6, "{kind}: {:e}", worst(&expected, &found));

        // As the file has it; blocks of 256 become blocks of 32 numbers of eight bits.
        let (own, found) = loaded(&file, &[kind], None);
        let (storage, bound) = match kind {
            "f32" | "bf16" => (Storage::F32, 0.0),
            "f16" => (Storage::F16, 0.0),
            "q4_0" | "q4_1" => (Storage::Q4, 0.0),
            "q8_0" | "q5_0" | "q5_1" => (Storage::Q8, 0.0),
            _ => (Storage::Q8, 0.5 / 127.0 + 1.0 / 2048.0),
        };
        assert_eq!(own.storage, storage, "{kind}");
        let worst = worst(&expected, &found);
        assert!(worst <= bound + 1e-7, "{kind} in {storage:?}: {worst:e} off");
    }
}

#[test]
fn a_stack_of_two_types_loses_nothing() {
    let file = golden("types.gguf");
    for (kinds, storage) in [
        (["q4_0", "q4_1"], Storage::Q4),
        (["q4_1", "q8_0"], Storage::Q8),
        (["q4_k", "q4_0"], Storage::Q8),
        (["f16", "q4_0"], Storage::F32),
    ] {
        let (weight, found) = loaded(&file, &kinds, None);
        assert_eq!(weight.storage, storage, "{kinds:?}");
        let alone = kinds.map(|kind| loaded(&file, &[kind], None).1).concat();
        assert!(worst(&alone, &found) < 1e-7, "{kinds:?}");
    }
}

#[test]
fn tokenizers_give_the_ids_of_another_library() {
    let cases: Vec<Value> = serde_json::from_slice(&golden("tokens.json")).expect("cases");
    assert!(cases.len() >= 60);
    for case in cases {
        let name = case["file"].as_str().expect("a name");
        let header = Header::of(&golden(&format!("{name}.gguf"))).expect("a head");
        let metadata = header.metadata.expect("metadata");
        let tokens = Tokens::new(&metadata);
        let tokenizer = tokens.to_json().expect("a tokenizer");
        let config = tokens.config_json();
        let tokenizer = Tokenizer::from_bytes(tokenizer).expect("a tokenizer of Hugging Face");
        let text = case["text"].as_str().expect("a text");
        let ids = |value: &Value| -> Vec<u32> {
            let ids = value.as_array().expect("ids").iter();
            ids.map(|id| id.as_u64().expect("an id") as u32).collect()
        };
        let expected = ids(&case["ids"]);
        let found = tokenizer.encode(text, false).expect("ids");
        assert_eq!(found.get_ids(), expected, "{name}: {text:?}");
        let found = tokenizer.encode(text, true).expect("ids");
        assert_eq!(found.get_ids(), [ids(&case["begin"]), expected.clone()].concat(), "{name}");
        let back = tokenizer.decode(&expected, true).expect("a text");
        assert_eq!(back, case["back"].as_str().expect("a text"), "{name}: {text:?}");
        let config: Value = serde_json::from_str(&config).expect("a config");
        assert_eq!(config["chat_template"], "{{ messages }}");
        let end = if name == "llama" { "</s>" } else { "<|end|>" };
        assert_eq!(config["eos_token"], end);
    }
}

#[test]
fn a_way_to_split_words_that_nobody_knows_is_named() {
    let mut file = golden("qwen2.gguf");
    let at = file.windows(5).rposition(|window| window == b"qwen2").expect("its name");
    file[at..at + 5].copy_from_slice(b"wrong");
    let metadata = Header::of(&file).expect("a head").metadata.expect("metadata");
    let error = Tokens::new(&metadata).to_json().unwrap_err();
    assert_eq!(error.code(), "config");
    let message = error.to_string();
    assert!(message.contains("tokenizer.ggml.pre") && message.contains("wrong"), "{message}");
}

#[test]
fn a_safetensors_file_has_its_configuration_beside_it() {
    let header = Header::of(&golden("types.safetensors")).expect("a head");
    assert_eq!(config_files(&header).expect("nothing wrong"), None);
    let header = Header::of(&golden("types.gguf")).expect("a head");
    let message = config_files(&header).unwrap_err().to_string();
    assert!(message.contains("llama.embedding_length"), "{message}");
}
