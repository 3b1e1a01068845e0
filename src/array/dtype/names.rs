//! What numpy and ml_dtypes call their types.

/// The byte order of this machine, as numpy writes it.
pub const NATIVE: &str = if cfg!(target_endian = "little") { "<" } else { ">" };

/// numpy's names and one-letter codes, beside the type strings that they stand for.
pub const NAMES: [(&str, &str); 22] = [
    ("b1", "bool bool_ ?"),
    ("i1", "int8 byte b"),
    ("i2", "int16 short h"),
    ("i4", "int32 intc i"),
    ("i8", "int64 int int_ intp long longlong l q p n"),
    ("u1", "uint8 ubyte B"),
    ("u2", "uint16 ushort H"),
    ("u4", "uint32 uintc I"),
    ("u8", "uint64 uint uintp ulong ulonglong L Q P N"),
    ("f2", "float16 half e"),
    ("f4", "float32 single f"),
    ("f8", "float64 float double d"),
    ("f16", "float128 longdouble g"),
    ("c8", "complex64 csingle F"),
    ("c16", "complex128 complex cdouble D"),
    ("c32", "complex256 clongdouble G"),
    ("M8", "M"),
    ("m8", "m"),
    ("S0", "bytes bytes_ S"),
    ("S1", "c"),
    ("U0", "str str_ unicode U"),
    ("V0", "void V"),
];

/// Extension types of the ml_dtypes package: size, alignment, names.
const EXTENSIONS: [(u64, u64, &str); 4] = [
    (1, 1, "int1 int2 int4 uint1 uint2 uint4 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3"),
    (1, 1, "float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"),
    (2, 2, "bfloat16"),
    (4, 2, "complex32 bcomplex32"),
];

/// What can stand between the brackets of `<M8[25s]`.
pub const TIME_UNITS: [&str; 14] = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"];

/// Size and alignment of the extension type of that name.
pub fn extension(name: &str) -> Option<(u64, u64)> {
    // What a segment's header says is a type string or a list: no need to look it up when opening.
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return None;
    }
    EXTENSIONS.iter().find(|row| among(row.2, name)).map(|row| (row.0, row.1))
}

/// Whether a name is one of those, which stand with a space between them.
pub fn among(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}
