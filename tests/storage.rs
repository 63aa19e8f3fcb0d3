//! Packed matrices: the layout that the kernels read, and how far each storage strays from f32.

use glassformer::weights::{BLOCK, Packed, Storage};

/// Values in -2..2 that no storage has an easy time with; a rule of its own, so nothing is shared.
fn noise(rows: usize, columns: usize) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ (rows * 1000 + columns) as u64;
    let values = (0..rows * columns).map(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f32 / (1u64 << 29) as f32 - 2.0
    });
    values.collect()
}

fn unpack(packed: &Packed) -> Vec<f32> {
    let mut values = vec![f32::NAN; packed.rows() * packed.columns];
    for (row, values) in values.chunks_mut(packed.columns).enumerate() {
        packed.unpack_row(row, values);
    }
    values
}

#[test]
fn every_storage_round_trips_within_its_bound() {
    for (rows, columns) in [(1, 1), (3, 15), (5, 16), (4, 17), (7, 63), (2, 260), (13, 112)] {
        let matrix = noise(rows, columns);
        for storage in Storage::ALL {
            let packed = Packed::of(storage, columns, &matrix);
            let padded = columns.next_multiple_of(if storage.has_blocks() { 64 } else { 32 });
            assert_eq!(packed.words.len(), rows * padded / storage.values_per_word());
            assert_eq!(packed.words_per_row() % 8, 0, "whole pairs of vec4s");
            assert_eq!(packed.words_per_row() * rows, packed.words.len());
            assert_eq!(packed.scales.len(), rows);
            let back = unpack(&packed);
            for (i, (x, y)) in matrix.iter().zip(&back).enumerate() {
                let bound = match storage {
                    Storage::F32 => 0.0,
                    Storage::F16 => x.abs() / 2048.0,
                    Storage::Int8 => packed.scales[i / columns] * 0.50001,
                    // Half a step of a block that spans -2 to 2, and the rounding to f16.
                    Storage::Q8 => 1.0 / 127.0 + 1.0 / 2048.0,
                    Storage::Q4 => 2.0 / 15.0 + 1.0 / 256.0,
                };
                assert!((x - y).abs() <= bound, "{storage:?} [{rows}, {columns}] {i}: {x} {y}");
            }
        }
    }
}

#[test]
fn padding_is_zero() {
    let ones = |storage| Packed::of(storage, 3, &[1.0; 6]);
    assert_eq!(ones(Storage::F32).words[3..32], [0; 29]);
    assert_eq!(ones(Storage::F16).words[1..8], [0x3c00, 0, 0, 0, 0, 0, 0]);
    // Zero is 128 in bytes 0 to 2 and 0 in byte 3.
    assert_eq!(ones(Storage::Int8).words[1..4], [0x0080_8080; 3]);
}

/// What differs by blocks keeps its digits: a row of a large and of a small block, and of none.
#[test]
fn every_block_has_a_scale_of_its_own() {
    for storage in [Storage::Q8, Storage::Q4] {
        for size in [1.0e-7f32, 1.0, 1.0e7] {
            let mut row = noise(1, 3 * BLOCK);
            row[..BLOCK].iter_mut().for_each(|x| *x *= size);
            row[BLOCK..2 * BLOCK].iter_mut().for_each(|x| *x *= size * 1.0e-3);
            row[2 * BLOCK..].fill(0.0);
            let packed = Packed::of(storage, 3 * BLOCK, &row);
            assert_eq!(packed.block_scales.len(), 4, "blocks go in twos");
            assert!(packed.scales[0].log2().fract() == 0.0, "a power of two");
            let back = unpack(&packed);
            for (block, size) in [size, size * 1.0e-3].into_iter().enumerate() {
                for at in block * BLOCK..(block + 1) * BLOCK {
                    assert!((row[at] - back[at]).abs() <= 0.14 * size, "{storage:?} {size} {at}");
                }
            }
            assert_eq!(back[2 * BLOCK..], [0.0; BLOCK]);
        }
    }
}

#[test]
fn nibbles_lie_low_and_high_and_the_top_one_signed() {
    // 0, 1 .. 15 and backwards: steps of 1 from 0, so nothing is rounded.
    let row: Vec<f32> = (0..16).chain((0..16).rev()).map(|x| x as f32).collect();
    let packed = Packed::of(Storage::Q4, 32, &row);
    let bytes = |word: u32| (word ^ 0x8000_0000).to_le_bytes();
    assert_eq!(bytes(packed.words[0]), [0xf0, 0xe1, 0xd2, 0xc3]);
    assert_eq!(bytes(packed.words[3]), [0x3c, 0x2d, 0x1e, 0x0f]);
    assert_eq!(unpack(&packed), row);
    assert_eq!(Packed::of(Storage::Q4, 3, &[0.0; 3]).block_scales, [0; 2]);
}

#[test]
fn halves_lie_low_first_and_round_to_even() {
    let packed = Packed::of(Storage::F16, 3, &[1.0, -2.0, 1.0 + 1.0 / 2048.0]);
    assert_eq!(packed.words[..2], [0xc000_3c00, 0x3c00]);
    assert_eq!(packed.scales, [1.0]);
}

#[test]
fn int8_lies_biased_in_three_bytes_and_signed_in_the_fourth() {
    let row = vec![127.0, -127.0, 1.0, -3.0, 0.4, -0.6, 0.0, 3.0];
    let packed = Packed::of(Storage::Int8, 8, &[row, vec![0.0; 8]].concat());
    assert_eq!(packed.scales, [1.0, 1.0]);
    assert_eq!(packed.words[0].to_le_bytes(), [255, 1, 129, 253]);
    assert_eq!(packed.words[1].to_le_bytes(), [128, 127, 128, 3]);
    assert_eq!(packed.words[8..], [0x0080_8080; 8]);
}

/// The product as a kernel takes it: bytes masked in place, one multiple of the sum of x taken off.
#[test]
fn masked_bytes_and_one_offset_give_the_product() {
    let (weights, mut x) = (noise(6, 37), noise(1, 37));
    let packed = Packed::of(Storage::Int8, 37, &weights);
    let mut row_values = vec![0.0; 37];
    for row in 0..6 {
        packed.unpack_row(row, &mut row_values);
        let expected: f32 = row_values.iter().zip(&x).map(|(w, x)| w * x).sum();
        x.resize(64, 0.0);
        let (mut sum, mut offset) = (0.0f32, 0.0f32);
        let words = &packed.words[row * packed.words_per_row()..][..packed.words_per_row()];
        for (word, x) in words.iter().zip(x.chunks(4)) {
            sum += (word & 0xff) as i32 as f32 * x[0];
            sum += (word & 0xff00) as i32 as f32 * (x[1] / 256.0);
            sum += (word & 0xff_0000) as i32 as f32 * (x[2] / 65536.0);
            sum += (word & 0xff00_0000) as i32 as f32 * (x[3] / 16_777_216.0);
            offset += x[0] + x[1] + x[2];
        }
        let found = packed.scales[row] * (sum - 128.0 * offset);
        assert!((found - expected).abs() < 1e-3, "row {row}: {found} {expected}");
        x.truncate(37);
    }
}
