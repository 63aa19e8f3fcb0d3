//! Laws of embedding, layer norm and the three products.

use glassformer::executor::Device;
use glassformer::ops::embed::{Embedding, Tokens};
use glassformer::ops::linear::Epilogue;
use glassformer::ops::norm::{Kind, Norm};
use glassformer::site::Site;
use glassformer::step_state::{self, Row};
use glassformer::tuning::Tuning;
use glassformer::weights::Storage;

use super::random::{Random, seed};
use super::report::{assert_close, same_bits};
use super::sketch::Sketch;

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of products"));
    for width in [4, 60, 1028] {
        norm_has_mean_0_and_variance_1(device, &mut random, width).await;
        products_are_linear(device, &mut random, width).await;
        the_three_products_agree(device, &mut random, width).await;
        packed_weights_keep_their_bounds(device, &mut random, width).await;
        one_column_picks_a_weight(device, &mut random, width).await;
    }
    embeddings_are_rows(device, &mut random).await;
}

/// By itself and in front of a product; and adding a constant to x changes nothing.
async fn norm_has_mean_0_and_variance_1(device: &Device, random: &mut Random, width: u32) {
    let x = random.values(width);
    let gain_bias = [vec![1.0; width as usize], vec![0.0; width as usize]].concat();
    let mut norms = vec![];
    for shift in [0.0, 3.0] {
        let x: Vec<f32> = x.iter().map(|x| x + shift).collect();
        for in_product in [false, true] {
            let mut sketch = Sketch::new(device, device.tuning(), false, random.bits());
            let rows = sketch.values(&[1, width], &x);
            let gain_bias = sketch.values(&[2, width], &gain_bias);
            let norm = Norm { kind: Kind::Layer, gain_bias, epsilon: 1e-12 };
            let y = sketch.tape.norm(rows, &norm);
            sketch.show(y);
            if in_product {
                let weight = sketch.drawn_weight(Storage::F32, 33, width);
                sketch.tape.linear(y, &weight, Epilogue::Plain);
            }
            let [y] = sketch.values_shown().await;
            norms.push(y);
        }
    }
    for y in &norms {
        let mean = y.iter().sum::<f32>() / width as f32;
        let variance = y.iter().map(|y| y * y).sum::<f32>() / width as f32;
        assert_close("mean and variance", &[0.0, 1.0], &[mean, variance], 1e-5);
        assert_close("norm of x and of x + 3", &norms[0], y, 1e-5);
    }
}

/// `x` `[T, K]` by a matrix, as the tuning cuts it.
async fn multiplied(
    device: &Device,
    tuning: Tuning,
    x: &[f32],
    [outputs, inputs]: [u32; 2],
    values: &[f32],
    storage: Storage,
) -> Vec<f32> {
    let mut sketch = Sketch::new(device, tuning, false, 0);
    let x = sketch.values(&[x.len() as u32 / inputs, inputs], x);
    let bias = vec![0.0; outputs as usize];
    let weight = sketch.weight(storage, [outputs, inputs], values, &bias);
    let y = sketch.tape.linear(x, &weight, Epilogue::Plain);
    sketch.show(y);
    let [y] = sketch.values_shown().await;
    y
}

/// The product of a sum is the sum of the products, of a multiple the multiple.
async fn products_are_linear(device: &Device, random: &mut Random, width: u32) {
    let tuning = device.tuning();
    for rows in [1, 5] {
        let shape = [37, width];
        let weight = random.values(37 * width);
        let [x, z] = [random.values(rows * width), random.values(rows * width)];
        let sum: Vec<f32> = x.iter().zip(&z).map(|(x, z)| 2.0 * x + z).collect();
        let storage = random.pick(&Storage::ALL);
        let times = |x| multiplied(device, tuning, x, shape, &weight, storage);
        let (of_x, of_z, of_sum) = (times(&x).await, times(&z).await, times(&sum).await);
        let expected: Vec<f32> = of_x.iter().zip(&of_z).map(|(x, z)| 2.0 * x + z).collect();
        assert_close("a product of 2x + z", &expected, &of_sum, 1e-5);
    }
}

/// Matrix-vector, registers and shared memory.
async fn the_three_products_agree(device: &Device, random: &mut Random, width: u32) {
    let own = device.tuning();
    let shape = [41, width];
    let weight = random.values(41 * width);
    let x = random.values(35 * width);
    for storage in Storage::ALL {
        let tuned = |tiled_from| Tuning { tiled_from, ..own };
        let rows = multiplied(device, tuned(u32::MAX), &x, shape, &weight, storage).await;
        let tiled = multiplied(device, tuned(2), &x, shape, &weight, storage).await;
        assert_close("rows and tiles", &rows, &tiled, 1e-5);
        let first = &x[..width as usize];
        let vector = multiplied(device, own, first, shape, &weight, storage).await;
        assert_close("rows and vector", &rows[..41], &vector, 1e-5);
    }
}

/// Int8, Q8 and Q4 are off by half a step of their scale at most, f16 by its last bit.
async fn packed_weights_keep_their_bounds(device: &Device, random: &mut Random, width: u32) {
    let tuning = device.tuning();
    let weight = random.values(29 * width);
    for rows in [1, 3] {
        let x = random.values(rows * width);
        let times = |storage| multiplied(device, tuning, &x, [29, width], &weight, storage);
        let exact = times(Storage::F32).await;
        // A block of Q4 spans twice the largest value at most, in 15 steps between two halves.
        for (storage, step) in [
            (Storage::F16, 1.0 / 2048.0),
            (Storage::Int8, 0.5 / 127.0),
            (Storage::Q8, 0.5 / 127.0 + 1.0 / 2048.0),
            (Storage::Q4, 1.0 / 15.0 + 1.0 / 512.0),
        ] {
            let found = times(storage).await;
            for (index, (exact, found)) in exact.iter().zip(&found).enumerate() {
                let x = &x[index / 29 * width as usize..][..width as usize];
                let row = &weight[index % 29 * width as usize..][..width as usize];
                let largest = row.iter().fold(0.0, |most: f32, w| most.max(w.abs()));
                let size: f32 = x.iter().map(|x| x.abs()).sum();
                let bound = largest * step * size * 1.001 + 1e-5;
                assert!((exact - found).abs() <= bound, "{storage:?}: {exact} became {found}");
            }
        }
    }
}

/// A row of the unit matrix gives a column of the weights, without a rounding.
async fn one_column_picks_a_weight(device: &Device, random: &mut Random, width: u32) {
    let weight = random.values(19 * width);
    let column = random.below(width) as usize;
    let mut x = vec![0.0; width as usize];
    x[column] = 1.0;
    let picked: Vec<f32> = weight.chunks(width as usize).map(|row| row[column]).collect();
    let tuning = device.tuning();
    let found = multiplied(device, tuning, &x, [19, width], &weight, Storage::F32).await;
    assert_eq!(picked, found, "column {column} of {width}");
}

/// With no position a token gives its row, with an empty table each place gives its position.
async fn embeddings_are_rows(device: &Device, random: &mut Random) {
    let table = random.values(11 * 24);
    let rows = random.values(9 * 24);
    let tokens = [3, 10, 0, 3, 7, 7];
    let picked = |from: &[f32], index: u32| from[24 * index as usize..][..24].to_vec();
    let zero = |values: &[f32]| vec![0.0; values.len()];
    let given: Vec<f32> = tokens.iter().flat_map(|token| picked(&table, *token)).collect();
    let places: Vec<f32> = [0, 1, 2, 0, 1, 2].into_iter().flat_map(|p| picked(&rows, p)).collect();
    for (table, rows, expected) in [(&table, &zero(&rows), &given), (&zero(&table), &rows, &places)]
    {
        let mut sketch = Sketch::new(device, device.tuning(), false, 0);
        let tokens = sketch.words(&[2, 3], &tokens);
        let embedding = embedding(&mut sketch, table, rows);
        let y = sketch.tape.embed(Tokens::Given(tokens), &embedding);
        sketch.show(y);
        let [y] = sketch.values_shown().await;
        assert!(same_bits(expected, &y), "rows of the table and of the positions");
    }
    let mut sketch = Sketch::new(device, device.tuning(), false, 0);
    let state = step_state::of(&[Row::at(8, 10), Row::at(3, 4)]);
    let state = sketch.words(&[step_state::words(2)], &state);
    let embedding = embedding(&mut sketch, &zero(&table), &rows);
    let y = sketch.tape.embed(Tokens::Step { state, batch: 2 }, &embedding);
    sketch.show(y);
    let [y] = sketch.values_shown().await;
    let places = [picked(&rows, 8), picked(&rows, 3)].concat();
    assert!(same_bits(&places, &y), "each row of a step is at its own place");
}

fn embedding(sketch: &mut Sketch, table: &[f32], rows: &[f32]) -> Embedding {
    Embedding {
        table: sketch.weight(Storage::F32, [11, 24], table, &[0.0; 11]),
        positions: Some(sketch.values(&[9, 24], rows)),
        scale: 1.0,
        sites: [Site::ENCODER_EMBEDDING, Site::ENCODER_POSITION],
    }
}
