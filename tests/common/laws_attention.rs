//! Laws of attention, which it would break if kernel and twin were wrong alike.

use glassformer::executor::Device;

use super::attend::Scene;
use super::random::{Random, seed};
use super::report::{assert_close, same_bits};

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of attention"));
    weights_sum_to_one(device, &mut random).await;
    equal_keys_weigh_the_same(device, &mut random).await;
    one_key_gives_its_value(device, &mut random).await;
    the_order_of_keys_is_no_matter(device, &mut random).await;
    padding_is_never_looked_at(device, &mut random).await;
    a_step_writes_one_slot(device, &mut random).await;
    free_slots_are_never_looked_at(device, &mut random).await;
    a_ring_holds_the_last_positions(device, &mut random).await;
}

/// However negative the scores are.
async fn weights_sum_to_one(device: &Device, random: &mut Random) {
    let mut scene = Scene::drawn(random, 2, 3, 9);
    let size = 100.0 / (scene.width as f32).powf(0.25);
    scene.queries.fill(size);
    scene.keys.iter_mut().for_each(|key| *key = -size * (1.0 + 1e-4 * *key));
    let seen = scene.padded(device, &[9, 4]).await;
    for (scores, weights) in seen.scores.chunks(9).zip(seen.weights.chunks(9)) {
        assert!(scores.iter().all(|score| (-11e3..-9e3).contains(score)), "scores {scores:?}");
        assert!(weights.iter().all(|weight| *weight >= 0.0), "weights {weights:?}");
        assert_close("the sum of weights", &[1.0], &[weights.iter().sum()], 1e-5);
    }
}

async fn equal_keys_weigh_the_same(device: &Device, random: &mut Random) {
    let mut scene = Scene::drawn(random, 1, 2, 7);
    let row = scene.row() as usize;
    let key = scene.keys[..row].to_vec();
    scene.keys.chunks_mut(row).for_each(|other| other.copy_from_slice(&key));
    let seen = scene.padded(device, &[7]).await;
    assert_close("equal weights", &vec![1.0 / 7.0; seen.weights.len()], &seen.weights, 1e-6);
    let mean = |k: usize| scene.values.chunks(row).map(|value| value[k]).sum::<f32>() / 7.0;
    let mean: Vec<f32> = (0..row).map(mean).collect();
    assert_close("the mean of the values", &mean.repeat(2), &seen.context, 2e-6);
}

async fn one_key_gives_its_value(device: &Device, random: &mut Random) {
    let scene = Scene::drawn(random, 1, 1, 5);
    let seen = scene.padded(device, &[1]).await;
    assert_close("the only value", &scene.values[..scene.row() as usize], &seen.context, 1e-7);
}

async fn the_order_of_keys_is_no_matter(device: &Device, random: &mut Random) {
    let scene = Scene::drawn(random, 1, 2, 11);
    let mut turned = scene.clone();
    let length = 8;
    let reverse = |rows: &mut Vec<f32>, row: usize| {
        let known: Vec<f32> =
            rows[..length * row].chunks(row).rev().flat_map(<[f32]>::to_vec).collect();
        rows[..length * row].copy_from_slice(&known);
    };
    reverse(&mut turned.keys, scene.row() as usize);
    reverse(&mut turned.values, scene.row() as usize);
    let straight = scene.padded(device, &[length as u32]).await;
    let turned = turned.padded(device, &[length as u32]).await;
    assert_close("keys in another order", &straight.context, &turned.context, 2e-6);
}

/// Whatever stands there changes not a bit: neither large numbers nor what is no number.
async fn padding_is_never_looked_at(device: &Device, random: &mut Random) {
    let scene = Scene::drawn(random, 2, 2, 6);
    let row = scene.row() as usize;
    let seen = scene.padded(device, &[6, 2]).await;
    for junk in [1e30, f32::NAN, f32::INFINITY] {
        let mut other = scene.clone();
        other.keys[(6 + 2) * row..].fill(junk);
        other.values[(6 + 2) * row..].fill(junk);
        let other = other.padded(device, &[6, 2]).await;
        assert!(same_bits(&seen.context, &other.context), "padding of {junk} is looked at");
        assert!(same_bits(&seen.weights, &other.weights), "padding of {junk} weighs something");
    }
    let padding = seen.weights[scene.heads as usize * 2 * 6..].chunks(6).flat_map(|w| &w[2..]);
    assert!(padding.into_iter().all(|weight| weight.to_bits() == 0), "padding weighs nothing");
}

async fn a_step_writes_one_slot(device: &Device, random: &mut Random) {
    for position in [0, 3, 7, 8, 21] {
        let scene = Scene::drawn(random, 2, 1, 1);
        let row = scene.row() as usize;
        let before = random.values(2 * 8 * 2 * scene.row());
        let (_, after) = scene.ring(device, &before, position).await;
        let mut expected = before;
        for b in 0..2 {
            let slot = &mut expected[(b * 8 + position as usize % 8) * 2 * row..][..2 * row];
            slot[..row].copy_from_slice(&scene.keys[b * row..][..row]);
            slot[row..].copy_from_slice(&scene.values[b * row..][..row]);
        }
        assert!(same_bits(&expected, &after), "position {position}: the ring after the step");
    }
}

async fn free_slots_are_never_looked_at(device: &Device, random: &mut Random) {
    let scene = Scene::drawn(random, 1, 1, 1);
    let row = scene.row() as usize;
    let mut ring = random.values(8 * 2 * scene.row());
    let (clean, _) = scene.ring(device, &ring, 2).await;
    ring[2 * 2 * row..].fill(f32::NAN);
    let (seen, _) = scene.ring(device, &ring, 2).await;
    assert!(same_bits(&clean.context, &seen.context), "free slots are looked at");
    let free = |map: &[f32]| map.chunks(8).all(|map| map[3..].iter().all(|x| x.to_bits() == 0));
    assert!(free(&seen.scores) && free(&seen.weights), "free slots score and weigh 0");
}

/// Step by step into the ring gives what the last C positions give as rows.
async fn a_ring_holds_the_last_positions(device: &Device, random: &mut Random) {
    let whole = Scene::drawn(random, 1, 1, 13);
    let row = whole.row() as usize;
    let mut ring = vec![f32::NAN; 8 * 2 * row];
    for position in 0..13 {
        let at = position * row..(position + 1) * row;
        let step = Scene {
            keys: whole.keys[at.clone()].to_vec(),
            values: whole.values[at.clone()].to_vec(),
            ..whole.clone()
        };
        let (seen, after) = step.ring(device, &ring, position as u32).await;
        ring = after;
        let last = (position + 1).saturating_sub(8) * row..at.end;
        let count = (last.len() / row) as u32;
        let rows = Scene {
            keys: whole.keys[last.clone()].to_vec(),
            values: whole.values[last].to_vec(),
            ..whole.clone()
        };
        let expected = rows.padded(device, &[count]).await;
        assert_close(&format!("position {position}"), &expected.context, &seen.context, 2e-6);
    }
}
