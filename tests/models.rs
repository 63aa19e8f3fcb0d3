//! The models against PyTorch, site by site, on the native adapter and on the CPU executor.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, reason = "each test has its part of it, and tests/browser.rs all")]
mod common;

use std::rc::Rc;

use common::golden::{causal, marian};
use common::{laws_models, native};
use glassformer::executor::Device;
use glassformer::site::Site;
use glassformer::weights::Storage;

fn gpu() -> Rc<Device> {
    Rc::new(native::gpu())
}

#[test]
fn models_agree_with_pytorch_on_the_gpu() {
    pollster::block_on(laws_models::models_agree_with_pytorch(&gpu()));
}

#[test]
fn models_agree_with_pytorch_on_the_cpu() {
    pollster::block_on(laws_models::models_agree_with_pytorch(&Rc::new(Device::cpu())));
}

#[test]
fn a_wrong_weight_is_detected() {
    pollster::block_on(laws_models::a_wrong_weight_is_detected(&gpu()));
}

#[test]
fn storages_hold_to_f32() {
    pollster::block_on(laws_models::storages_hold_to_f32(&gpu()));
}

#[test]
fn a_batch_is_its_sentences() {
    pollster::block_on(laws_models::a_batch_is_its_sentences(&gpu()));
}

/// The names of sites are written twice: here and by the script that asks PyTorch. They agree.
#[test]
fn sites_are_those_of_pytorch() {
    let device = Rc::new(Device::twins());
    for golden in marian::ALL.iter().chain(&causal::ALL) {
        let mut held = golden.names();
        held.retain(|name| name.parse::<Site>().is_ok());
        let sites = golden.load(&device, Storage::F32).sites();
        for site in &sites {
            assert_eq!(site.to_string().parse::<Site>().as_ref(), Ok(site));
        }
        let mut sites: Vec<String> = sites.iter().map(Site::to_string).collect();
        // PyTorch has no ring.
        sites.retain(|site| !site.ends_with(".ring") && !site.ends_with(".slot"));
        sites.sort();
        assert_eq!(held, sites, "{}", golden.name);
    }
}
