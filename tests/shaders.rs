//! Every WGSL file, reflected, against the descriptor of its kernel.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use glassformer::kernel::{Access, Kernel, Word};
use glassformer::ops;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Expression, Handle, Module, StorageAccess, TypeInner};

/// Both texts of every kernel, parsed.
fn modules() -> impl Iterator<Item = (&'static Kernel, Module)> {
    ops::ALL.iter().flat_map(|kernel| {
        [true, false].map(|subgroups| {
            let text = kernel.source(subgroups);
            let module = naga::front::wgsl::parse_str(&text);
            let refused = |error: naga::front::wgsl::ParseError| error.emit_to_string(&text);
            (*kernel, module.map_err(refused).unwrap_or_else(|error| panic!("{error}")))
        })
    })
}

/// The files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn shaders() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let texts = files(&folder).into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("a text");
        (path, text)
    });
    texts.collect()
}

#[test]
fn every_kernel_is_valid() {
    // The latter is what unpack2x16float asks for, which all of WebGPU has.
    let capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    for (kernel, module) in modules() {
        let valid = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
        assert!(valid.is_ok(), "{kernel:?}: {:?}", valid.err());
    }
}

#[test]
fn no_shader_file_is_an_orphan() {
    let sources: Vec<String> =
        ops::ALL.iter().flat_map(|kernel| [true, false].map(|s| kernel.source(s))).collect();
    let shaders = shaders();
    assert!(shaders.len() > ops::ALL.len(), "the shaders have moved");
    for (path, text) in shaders {
        assert!(sources.iter().any(|source| source.contains(&text)), "{path:?} is not used");
    }
}

#[test]
fn bindings_are_those_of_the_descriptor() {
    for (kernel, module) in modules() {
        let mut found = vec![];
        for (_, variable) in module.global_variables.iter() {
            let Some(binding) = variable.binding else { continue };
            assert_eq!(binding.group, 0, "{kernel:?}: a group");
            let name = variable.name.clone().expect("a name");
            found.push((binding.binding, name, variable.space));
        }
        found.sort_by_key(|(binding, ..)| *binding);
        let storage = |access: Access| match access {
            Access::Read => AddressSpace::Storage { access: StorageAccess::LOAD },
            Access::Write => {
                AddressSpace::Storage { access: StorageAccess::LOAD | StorageAccess::STORE }
            }
        };
        let sizes = (0, "sizes".to_string(), AddressSpace::Uniform);
        let bindings = kernel.bindings.iter().zip(1..);
        let bindings =
            bindings.map(|((name, access), at)| (at, name.to_string(), storage(*access)));
        let expected: Vec<_> = std::iter::once(sizes).chain(bindings).collect();
        assert_eq!(found, expected, "{kernel:?}");
    }
}

/// Name, kind and order of the fields of `Sizes`, and where each lies: word by word, as they are set.
#[test]
fn sizes_are_those_of_the_descriptor() {
    for (kernel, module) in modules() {
        let (_, variable) = (module.global_variables.iter())
            .find(|(_, variable)| variable.space == AddressSpace::Uniform)
            .unwrap_or_else(|| panic!("{kernel:?}: no sizes"));
        let TypeInner::Struct { members, .. } = &module.types[variable.ty].inner else {
            panic!("{kernel:?}: sizes are a structure")
        };
        let found = members.iter().map(|member| {
            let kind = match module.types[member.ty].inner {
                TypeInner::Scalar(naga::Scalar::U32) => Word::U32,
                TypeInner::Scalar(naga::Scalar::F32) => Word::F32,
                ref other => panic!("{kernel:?}: a size is {other:?}"),
            };
            (member.name.clone().expect("a name"), kind, member.offset)
        });
        let found: Vec<_> = found.collect();
        let fields = kernel.sizes.iter().zip(0..);
        let expected = fields.map(|((name, kind), at)| (name.to_string(), *kind, 4 * at));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{kernel:?}");
    }
}

/// An adapter need not have more than eight, and there is to be room for one more.
#[test]
fn no_kernel_has_more_than_seven_storage_bindings() {
    for kernel in ops::ALL {
        assert!(kernel.bindings.len() <= 7, "{kernel:?}: {} bindings", kernel.bindings.len());
    }
}

/// An override whose value follows from others is not the host's to set.
fn is_derived(module: &Module, init: Handle<Expression>) -> bool {
    match module.global_expressions[init] {
        Expression::Override(_) => true,
        Expression::Binary { left, right, .. } => {
            is_derived(module, left) || is_derived(module, right)
        }
        Expression::Unary { expr, .. } | Expression::As { expr, .. } => is_derived(module, expr),
        Expression::Select { condition, accept, reject } => {
            [condition, accept, reject].into_iter().any(|part| is_derived(module, part))
        }
        Expression::Math { arg, arg1, .. } => {
            is_derived(module, arg) || arg1.is_some_and(|arg| is_derived(module, arg))
        }
        Expression::Literal(_) => false,
        ref other => panic!("an override is set to {other:?}: say here whether that is derived"),
    }
}

#[test]
fn constants_are_those_of_the_descriptor() {
    for (kernel, module) in modules() {
        let overrides = module.overrides.iter().map(|(_, found)| found);
        let free = overrides.filter(|o| o.init.is_none_or(|init| !is_derived(&module, init)));
        let mut found: Vec<String> = free.filter_map(|o| o.name.clone()).collect();
        let mut named = kernel.constants.to_vec();
        found.sort();
        named.sort();
        assert_eq!(found, named, "{kernel:?}");
    }
}

#[test]
fn the_entry_point_has_the_name_and_the_workgroup_of_the_kernel() {
    for (kernel, module) in modules() {
        let [entry] = &module.entry_points[..] else { panic!("{kernel:?}: one entry point") };
        assert_eq!(entry.name, kernel.name);
        let first = entry.workgroup_size_overrides.and_then(|sizes| sizes[0]);
        let named = first.map(|size| match module.global_expressions[size] {
            Expression::Override(handle) => module.overrides[handle].name.clone(),
            ref other => panic!("{kernel:?}: a workgroup of {other:?}"),
        });
        let wanted = kernel.constants.contains(&"WORKGROUP").then(|| "WORKGROUP".to_string());
        assert_eq!(named, wanted.map(Some), "{kernel:?}: the size of its workgroup");
    }
}

#[test]
fn every_binding_says_its_shape() {
    for (path, text) in shaders() {
        for line in text.lines().filter(|line| line.contains("@binding(")) {
            let says = line.contains("// [") || line.contains("var<uniform>");
            // State and the like have a name that stands for their layout.
            assert!(says || line.contains("// StepState"), "{path:?}: no shape: {line}");
        }
    }
}

/// The formula or the job, in the same words in both languages.
#[test]
fn shader_and_rust_file_open_with_one_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for kernel in ops::ALL {
        let read = |path: String| fs::read_to_string(root.join(path)).expect("a text");
        let rust = read(format!("src/ops/{}.rs", kernel.name));
        let sentence = rust.lines().next().unwrap_or_default().replace("//! ", "").replace('`', "");
        let wgsl = read(format!("shaders/{}.wgsl", kernel.name));
        let comment = wgsl.lines().map_while(|line| line.strip_prefix("// "));
        let comment = comment.collect::<Vec<_>>().join(" ");
        assert!(
            comment.starts_with(sentence.trim_end_matches('.')),
            "{kernel:?}:\n{sentence}\n{comment}"
        );
    }
}
