//! The one comparator, and how tests speak where they run.

/// The largest difference relative to the largest expected value. Another length, or a NaN on either
/// side, is infinitely wrong. Values beyond 1e29 stand for "nothing here": they have to be equal,
/// and say nothing about the size of the others.
pub fn relative_error(expected: &[f32], found: &[f32]) -> f64 {
    let is_mark = |value: f32| value.abs() > 1e29;
    let sizes = expected.iter().filter(|value| !is_mark(**value)).map(|value| value.abs());
    let largest = f64::from(sizes.fold(0.0, f32::max));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    if expected.len() != found.len() {
        return f64::INFINITY;
    }
    let error = |(expected, found): (&f32, &f32)| {
        let difference = (f64::from(*expected) - f64::from(*found)).abs();
        match is_mark(*expected) || difference.is_nan() {
            true if expected.to_bits() == found.to_bits() && !expected.is_nan() => 0.0,
            true => f64::INFINITY,
            false => difference / scale,
        }
    };
    expected.iter().zip(found).map(error).fold(0.0, f64::max)
}

/// Whether two runs gave the very same bits.
pub fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Asserts that two lists agree within a relative error.
#[track_caller]
pub fn assert_close(what: &str, expected: &[f32], found: &[f32], most: f64) {
    let error = relative_error(expected, found);
    assert!(error <= most, "{what}: {error:.1e} off, {most:.0e} allowed\n{expected:?}\n{found:?}");
}

/// Writes a line where the tests of this platform are read.
pub fn say(line: &str) {
    #[cfg(not(target_arch = "wasm32"))]
    println!("{line}");
    #[cfg(target_arch = "wasm32")]
    wasm_bindgen_test::console_log!("{line}");
}

/// The comparator fails where it must.
pub fn the_comparator_can_fail() {
    let right = [1.0, -2.0, 3.0];
    assert_eq!(relative_error(&right, &right), 0.0);
    assert!(relative_error(&right, &[1.0, -2.0, 3.001]) > 3e-4, "a wrong value");
    assert!(relative_error(&right, &[1.0, f32::NAN, 3.0]).is_infinite(), "a NaN");
    assert!(relative_error(&[f32::NAN], &[f32::NAN]).is_infinite(), "an expected NaN");
    assert!(relative_error(&right, &right[..2]).is_infinite(), "too short");
    assert!(relative_error(&right[..2], &right).is_infinite(), "too long");
    assert!(relative_error(&[1.0, -1e38], &[1.0, -2e38]).is_infinite(), "a wrong mark");
    assert!(relative_error(&[1.0, 2.0], &[1.0, f32::INFINITY]).is_infinite(), "an infinity");
    assert_eq!(relative_error(&[1.0, -1e38], &[1.0, -1e38]), 0.0);
    assert!(relative_error(&[0.0, 0.0], &[0.0, 0.5]) == 0.5, "zeros are values, too");
    assert!(!same_bits(&[0.0], &[-0.0]), "signs of zero are bits");
    assert!(!same_bits(&[0.0], &[]), "lengths count");
}
