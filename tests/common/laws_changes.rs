//! Laws of the kernels that change values, which kernel and twin can't break alike unseen.

use glassformer::executor::Device;
use glassformer::ops::activation::Activation;
use glassformer::probe::{Change, Target};

use super::cases_edits::{look, opened};
use super::random::{Random, seed};
use super::report::{assert_close, same_bits};
use super::sketch::Sketch;

pub async fn all(device: &Device) {
    let mut random = Random::new(seed("laws of changes"));
    open_attention_is_attention(device).await;
    others_stay_as_they_are(device, &mut random).await;
    means_of_equal_heads_are_the_heads(device, &mut random).await;
    nothing_done_is_a_copy(device, &mut random).await;
}

/// Stage by stage or all at once, over rows, rings and chunks, under every mask.
async fn open_attention_is_attention(device: &Device) {
    for kind in 0..6 {
        let mut contexts = vec![];
        for open in [false, true] {
            let mut sketch = Sketch::new(device, device.tuning(), false, 17);
            if open {
                sketch.tape.probe = opened();
            }
            look(&mut sketch, [2, 6, 2, 8], [5, 3, 8, 1], kind);
            let [context] = sketch.values_shown().await;
            contexts.push(context);
        }
        assert_close(&format!("kind {kind}"), &contexts[0], &contexts[1], 2e-6);
    }
}

/// Of five heads one becomes nothing, and all else keeps its bits.
async fn others_stay_as_they_are(device: &Device, random: &mut Random) {
    let values = random.values(2 * 3 * 24);
    let mut sketch = Sketch::new(device, device.tuning(), false, 0);
    let tensor = sketch.values(&[2, 3, 24], &values);
    let (columns, heads) = ((4, 20), (5, 4));
    let target = Target { tensor, batch: 2, rows: 3, columns, heads, state: None };
    sketch.tape.edit(target, Change::Scale { heads: 1 << 2, factor: 0.0 });
    sketch.show(tensor);
    let [changed] = sketch.values_shown().await;
    for (before, after) in values.chunks(24).zip(changed.chunks(24)) {
        assert!(same_bits(&before[..12], &after[..12]) && same_bits(&before[16..], &after[16..]));
        assert!(after[12..16].iter().all(|value| *value == 0.0), "the head is nothing");
    }
}

async fn means_of_equal_heads_are_the_heads(device: &Device, random: &mut Random) {
    let [queries, key, value] = [8, 4, 4].map(|count| random.values(count));
    let rows = |times: usize| [&queries[..], &key.repeat(times), &value.repeat(times)].concat();
    let mut sketch = Sketch::new(device, device.tuning(), false, 0);
    let x = sketch.values(&[1, 1, 40], &rows(4));
    let y = sketch.tape.share(x, [2, 4, 2]);
    sketch.show(y);
    let [shared] = sketch.values_shown().await;
    assert_close("two of four equal heads", &rows(2), &shared, 1e-7);
}

async fn nothing_done_is_a_copy(device: &Device, random: &mut Random) {
    let values = random.values(60);
    let mut sketch = Sketch::new(device, device.tuning(), false, 0);
    let x = sketch.values(&[1, 5, 12], &values);
    let y = sketch.tape.finish_sums(x, Activation::None, None);
    sketch.show(y);
    let [copied] = sketch.values_shown().await;
    assert!(same_bits(&values, &copied), "bits of a copy");
}
