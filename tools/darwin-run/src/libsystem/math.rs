//! `<math.h>`: computed by the host's library, whose last bit may differ from Apple's.

use crate::machine::{Answer, Function, Machine};

macro_rules! doubles {
    ($($name:literal $compute:expr,)*) => { &[$(($name, |m| one(m, $compute)),)*] };
}
macro_rules! floats {
    ($($name:literal $compute:expr,)*) => { &[$(($name, |m| one_float(m, $compute)),)*] };
}
macro_rules! pairs {
    ($($name:literal $compute:expr,)*) => { &[$(($name, |m| two(m, $compute)),)*] };
}

pub(super) const DOUBLES: &[(&str, Function)] = doubles! {
    "_acos" f64::acos,
    "_asin" f64::asin,
    "_atan" f64::atan,
    "_cbrt" f64::cbrt,
    "_ceil" f64::ceil,
    "_cos" f64::cos,
    "_cosh" f64::cosh,
    "_exp" f64::exp,
    "_exp2" f64::exp2,
    "_expm1" f64::exp_m1,
    "_fabs" f64::abs,
    "_floor" f64::floor,
    "_log" f64::ln,
    "_log10" f64::log10,
    "_log1p" f64::ln_1p,
    "_log2" f64::log2,
    "_nearbyint" f64::round_ties_even,
    "_rint" f64::round_ties_even,
    "_round" f64::round,
    "_sin" f64::sin,
    "_sinh" f64::sinh,
    "_sqrt" f64::sqrt,
    "_tan" f64::tan,
    "_tanh" f64::tanh,
    "_trunc" f64::trunc,
};

pub(super) const FLOATS: &[(&str, Function)] = floats! {
    "_ceilf" f32::ceil,
    "_cosf" f32::cos,
    "_expf" f32::exp,
    "_fabsf" f32::abs,
    "_floorf" f32::floor,
    "_logf" f32::ln,
    "_roundf" f32::round,
    "_sinf" f32::sin,
    "_sqrtf" f32::sqrt,
    "_truncf" f32::trunc,
};

pub(super) const PAIRS: &[(&str, Function)] = pairs! {
    "_atan2" f64::atan2,
    "_copysign" f64::copysign,
    "_fmax" f64::max,
    "_fmin" f64::min,
    "_fmod" |a, b| a % b,
    "_hypot" f64::hypot,
    "_pow" f64::powf,
};

/// Functions of other shapes.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("_fma", |m| double(m, m.cpu.d(0).mul_add(m.cpu.d(1), m.cpu.d(2)))),
    ("_fmodf", |m| float(m, m.cpu.s(0) % m.cpu.s(1))),
    ("_powf", |m| float(m, m.cpu.s(0).powf(m.cpu.s(1)))),
    ("_ldexp", |m| double(m, m.cpu.d(0) * 2f64.powi(m.x(0) as i32))),
    ("_frexp", frexp),
    ("_modf", modf),
    ("_lrint", |m| Ok(m.cpu.d(0).round_ties_even() as i64 as u64)),
    ("_llrint", |m| Ok(m.cpu.d(0).round_ties_even() as i64 as u64)),
    ("_lround", |m| Ok(m.cpu.d(0).round() as i64 as u64)),
    ("_llround", |m| Ok(m.cpu.d(0).round() as i64 as u64)),
    ("___sincos_stret", sincos),
    ("___sincosf_stret", sincosf),
];

fn double(m: &mut Machine, value: f64) -> Answer {
    m.cpu.set_d(0, value);
    Ok(m.x(0))
}

fn float(m: &mut Machine, value: f32) -> Answer {
    m.cpu.set_s(0, value);
    Ok(m.x(0))
}

fn one(m: &mut Machine, compute: fn(f64) -> f64) -> Answer {
    double(m, compute(m.cpu.d(0)))
}

fn one_float(m: &mut Machine, compute: fn(f32) -> f32) -> Answer {
    float(m, compute(m.cpu.s(0)))
}

fn two(m: &mut Machine, compute: fn(f64, f64) -> f64) -> Answer {
    double(m, compute(m.cpu.d(0), m.cpu.d(1)))
}

/// The fraction, of at least a half and less than one, and the exponent.
fn frexp(m: &mut Machine) -> Answer {
    let value = m.cpu.d(0);
    let (fraction, exponent) = if value == 0.0 || !value.is_finite() {
        (value, 0)
    } else {
        // Numbers below the normal ones are scaled first.
        let (scaled, bias) = if value.is_normal() { (value, 0) } else { (value * 2f64.powi(64), -64) };
        let exponent = (scaled.to_bits() >> 52 & 0x7ff) as i32 - 1022;
        (f64::from_bits(scaled.to_bits() & !(0x7ff << 52) | 1022 << 52), exponent + bias)
    };
    m.memory.put_u32(m.x(0), exponent as u32)?;
    double(m, fraction)
}

fn modf(m: &mut Machine) -> Answer {
    let value = m.cpu.d(0);
    m.memory.put_u64(m.x(0), value.trunc().to_bits())?;
    double(m, if value.is_infinite() { 0f64.copysign(value) } else { value.fract().copysign(value) })
}

fn sincos(m: &mut Machine) -> Answer {
    let (sin, cos) = m.cpu.d(0).sin_cos();
    m.cpu.set_d(1, cos);
    double(m, sin)
}

fn sincosf(m: &mut Machine) -> Answer {
    let (sin, cos) = m.cpu.s(0).sin_cos();
    m.cpu.set_s(1, cos);
    float(m, sin)
}
