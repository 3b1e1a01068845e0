//! Files go in and come out as numpy wrote them, and pictures show what is there.

mod common;

use std::fs;
use std::process::Command;

use common::{Name, Place, run};
use shm_array::{Access, Array};
use workshop::Python;

fn python() -> Command {
    let requirements = workshop::root().join("python/requirements-test.txt");
    let python = Python::environment("tests", &requirements, |words| println!("{words}"));
    python.and_then(|python| python.command()).unwrap_or_else(|words| panic!("{words}"))
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Imports, and keeps the array open: tests that run beside this one may collect what nobody uses.
#[track_caller]
fn imported(arguments: &[&str]) -> Array {
    run(["import"].iter().chain(arguments)).good();
    Array::open(arguments[1], Access::Read).unwrap()
}

/// Arrays of every kind of dtype that can be shared.
const WRITE: &str = r#"
import sys, numpy as np
place = sys.argv[1]
rng = np.random.default_rng(1)
many = {}
for code in "?bBhHiIlLefdFDgG":
    for order in "<>":
        many[f"{code}{'lb'[order == '>']}"] = rng.integers(0, 100, (3, 4)).astype(np.dtype(code).newbyteorder(order))
many["fortran"] = np.asfortranarray(rng.random((5, 7, 3)))
many["zero"] = np.array(3.5)
many["empty"] = np.zeros((0, 3), "f4")
many["date"] = np.array(["2020-02-29", "NaT", "1066-10-14"], "M8[D]")
many["span"] = np.array([1, -5], "m8[25s]")
many["bytes"] = np.array([b"a'\x00b", b"\xff\"\x1b"], "S4")
many["text"] = np.array([["h\u00e9", "\U0001f600"], ["it's", ""]]).astype(">U5")
many["void"] = np.array([b"abc", b"d"], "V3")
many["struct"] = np.array([(1.5, [[1, 2], [3, 4]], "x", 7), (2.5, [[5, 6], [7, 8]], "y", 8)],
    [("a", "<f4"), ("b", ">i2", (2, 2)), ("s", "U1"), ("z\u00e9", "u1")])
many["aligned"] = np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True))
many["large"] = np.arange(3_000_000.0).reshape(1500, 2000)
for name, array in many.items():
    np.save(f"{place}/{name}.npy", array, allow_pickle=False)
print(*many)
"#;

/// Compares two directories, bytes and all.
const COMPARE: &str = r#"
import sys, os, numpy as np
before, after = sys.argv[1:]
for name in sorted(os.listdir(before)):
    a, b = np.load(f"{before}/{name}"), np.load(f"{after}/{name}")
    assert a.dtype == b.dtype and a.dtype.descr == b.dtype.descr, (name, a.dtype, b.dtype)
    assert a.shape == b.shape and a.tobytes() == b.tobytes(), name
    assert a.flags.f_contiguous == b.flags.f_contiguous and a.flags.c_contiguous == b.flags.c_contiguous, name
print("equal")
"#;

#[test]
fn every_dtype_survives_import_and_export() {
    let place = Place::new("trips");
    let (before, after) = (place.0.join("before"), place.0.join("after"));
    fs::create_dir_all(&before).unwrap();
    fs::create_dir_all(&after).unwrap();
    let names = said(python().args(["-c", WRITE]).arg(&before));
    for file in names.split_whitespace() {
        let name = Name::new("trip");
        let _open = imported(&[before.join(format!("{file}.npy")).to_str().unwrap(), &name.0]);
        run(["head", &name.0, "--heat", "always"]).good();
        run(["export", &name.0, after.join(format!("{file}.npy")).to_str().unwrap()]).good();
    }
    assert_eq!(said(python().args(["-c", COMPARE]).args([&before, &after])), "equal\n");
}

/// What `head --json` says, beside numpy.
const HEAD: &str = r#"
import sys, json, numpy as np
array, head = np.load(sys.argv[1]), json.load(open(sys.argv[2]))
assert head["shape"] == list(array.shape)
assert head["rows"] == array[:5].tolist(), (head["rows"], array[:5].tolist())
(s,) = head["statistics"]
assert np.isclose(s["mean"], array.mean()) and np.isclose(s["std"], array.std()), s
assert s["min"] == array.min() and s["max"] == array.max(), s
"#;

#[test]
fn head_agrees_with_numpy() {
    let place = Place::new("head");
    let write = "import sys, numpy as np\nrng = np.random.default_rng(2)\n\
                 np.save(sys.argv[1] + '/i.npy', rng.integers(-2**62, 2**62, (7, 3)).astype('>i8'))\n\
                 np.save(sys.argv[1] + '/f.npy', np.asfortranarray(rng.random((6, 4))))\n\
                 np.save(sys.argv[1] + '/h.npy', rng.random(9).astype('<f2'))\n";
    said(python().args(["-c", write]).arg(&place.0));
    for file in ["i", "f", "h"] {
        let (npy, json) = (place.file(&format!("{file}.npy")), place.file(&format!("{file}.json")));
        fs::write(&json, run(["head", "--json", &npy]).good()).unwrap();
        said(python().args(["-c", HEAD, &npy, &json]));
    }
}

#[test]
fn slices_and_raw_bytes_come_out_in_c_order() {
    let place = Place::new("slices");
    let write = "import sys, numpy as np\na = np.asfortranarray(np.arange(60, dtype='>i2').reshape(3, 4, 5))\n\
                 np.save(sys.argv[1], a)\na[1, ::-2, 1:4].tofile(sys.argv[2])\nnp.save(sys.argv[3], a[:, 2])\n";
    let files = ["a.npy", "slice.raw", "part.npy"].map(|name| place.file(name));
    said(python().args(["-c", write]).args(&files));
    let out = place.file("out.raw");
    run(["export", &files[0], &out, "--slice", "1,::-2,1:4"]).good();
    assert_eq!(fs::read(&out).unwrap(), fs::read(&files[1]).unwrap());
    let out = place.file("out.npy");
    run(["export", &files[0], &out, "--slice", ":,2"]).good();
    let same =
        "import sys, numpy as np\na, b = map(np.load, sys.argv[1:])\nassert a.dtype == b.dtype and (a == b).all()";
    said(python().args(["-c", same, &out, &files[2]]));
}

fn pixels(path: &str) -> (png::ColorType, u32, u32, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.color_type, info.width, info.height, pixels)
}

#[test]
fn pictures_have_the_arrays_pixels() {
    let place = Place::new("png");
    let (raw, png) = (place.file("x.raw"), place.file("x.png"));
    let colors: Vec<u8> = (0..2 * 3 * 3).map(|i| i * 14).collect();
    fs::write(&raw, &colors).unwrap();
    let rgb = Name::new("rgb");
    let _open = imported(&[&raw, &rgb.0, "--dtype", "u1", "--shape", "2,3,3"]);
    run(["export", &rgb.0, &png]).good();
    assert_eq!(pixels(&png), (png::ColorType::Rgb, 3, 2, colors.clone()));
    run(["export", &rgb.0, &png, "--slice", ":,:,1"]).good();
    let green = colors.iter().skip(1).step_by(3).copied().collect();
    assert_eq!(pixels(&png), (png::ColorType::Grayscale, 3, 2, green));

    // The first axis fastest: the picture is upright all the same.
    let floats: Vec<u8> = [0.0f32, 3.0, 1.0, 4.0, 2.0, f32::NAN].iter().flat_map(|x| x.to_be_bytes()).collect();
    fs::write(&raw, floats).unwrap();
    let fortran = Name::new("fortran");
    let _open = imported(&[&raw, &fortran.0, "--dtype", ">f4", "--shape", "2,3", "--fortran"]);
    run(["export", &fortran.0, &png]).good();
    assert_eq!(pixels(&png).3, [0, 64, 128, 191, 255, 0]);
    run(["export", &fortran.0, &png, "--min", "-1", "--max", "2"]).good();
    assert_eq!(pixels(&png).3, [85, 170, 255, 255, 255, 0]);
}
