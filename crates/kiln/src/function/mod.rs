//! Typed, owned entry points.
#![allow(unsafe_code)] // A call through a function pointer whose type the user vouched for, and the making of one.

use std::fmt;
use std::sync::Arc;

use crate::memory::{Hold, Shared};
use crate::module::Owner;

mod sealed {
    pub trait Sealed {}
}

/// Function-pointer types: `extern "C" fn(A, B) -> R`, `extern "C-unwind" fn(A, B) -> R` and their `unsafe` forms, with up to
/// twelve arguments.
///
/// A function that an exception or a panic may leave wants `"C-unwind"`: with `"C"` that ends the process, or worse.
///
/// Sealed, so that nothing else can be asked for:
///
/// ```compile_fail,E0277
/// fn get(module: &kiln::Module) {
///     let _ = unsafe { module.function::<u64>("answer") };
/// }
/// ```
///
/// Argument types that borrow (`&T`) make the function type generic over a lifetime, which no trait can name in general:
/// take raw pointers.
pub trait FnPtr: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The address of the function.
    fn address(self) -> usize;

    /// The pointer to the function at `address`.
    ///
    /// # Safety
    ///
    /// A function of this very type must stand at `address`, for as long as the pointer is used.
    unsafe fn from_address(address: usize) -> Self;
}

/// A function of a [`Module`](crate::Module) or of a [`Code`](crate::Code): callable, and owning the memory that it stands
/// in, so that it needs no lifetime.
///
/// Calling costs what a call through a function pointer costs.
pub struct Function<F: FnPtr> {
    pointer: F,
    keeper: Keeper,
}

/// What keeps the memory of a function.
#[derive(Clone, Debug)]
pub(crate) enum Keeper {
    Module(#[allow(dead_code, reason = "held")] Arc<Owner>),
    Code(#[allow(dead_code, reason = "held")] Hold),
    Slot(#[allow(dead_code, reason = "held")] Arc<Shared>),
}

impl From<Arc<Owner>> for Keeper {
    fn from(owner: Arc<Owner>) -> Keeper {
        Keeper::Module(owner)
    }
}

impl From<Arc<Shared>> for Keeper {
    fn from(slot: Arc<Shared>) -> Keeper {
        Keeper::Slot(slot)
    }
}

impl From<Hold> for Keeper {
    fn from(code: Hold) -> Keeper {
        Keeper::Code(code)
    }
}

impl<F: FnPtr> Function<F> {
    /// # Safety
    ///
    /// A function of the type `F` must stand at `address`, in memory that `keeper` keeps executable or does not own.
    pub(crate) unsafe fn new(address: usize, keeper: impl Into<Keeper>) -> Function<F> {
        // SAFETY: a function of this type stands there, by the caller's word; `keeper` keeps it as long as `self` lives.
        let pointer = unsafe { F::from_address(address) };
        Function { pointer, keeper: keeper.into() }
    }

    pub(crate) fn into_parts(self) -> (F, Keeper) {
        (self.pointer, self.keeper)
    }

    /// The bare pointer. It dangles when the last handle to the code is dropped.
    #[must_use]
    pub fn pointer(&self) -> F {
        self.pointer
    }
}

impl<F: FnPtr> Clone for Function<F> {
    fn clone(&self) -> Self {
        Function { pointer: self.pointer, keeper: self.keeper.clone() }
    }
}

impl<F: FnPtr> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({:#x})", self.pointer.address())
    }
}

macro_rules! fn_ptr {
    ($($name:ident $type:ident),*) => {
        convention!("C"; $($name $type),*);
        convention!("C-unwind"; $($name $type),*);
    };
}

macro_rules! convention {
    ($abi:literal; $($name:ident $type:ident),*) => {
        impl<$($type: 'static,)* R: 'static> sealed::Sealed for extern $abi fn($($type),*) -> R {}
        impl<$($type: 'static,)* R: 'static> FnPtr for extern $abi fn($($type),*) -> R {
            fn address(self) -> usize {
                self as *const () as usize
            }

            unsafe fn from_address(address: usize) -> Self {
                // SAFETY: a function of this type stands at the address, by the caller's word.
                unsafe { std::mem::transmute::<*const (), Self>(address as *const ()) }
            }
        }

        impl<$($type: 'static,)* R: 'static> sealed::Sealed for unsafe extern $abi fn($($type),*) -> R {}
        impl<$($type: 'static,)* R: 'static> FnPtr for unsafe extern $abi fn($($type),*) -> R {
            fn address(self) -> usize {
                self as *const () as usize
            }

            unsafe fn from_address(address: usize) -> Self {
                // SAFETY: a function of this type stands at the address, by the caller's word.
                unsafe { std::mem::transmute::<*const (), Self>(address as *const ()) }
            }
        }

        impl<$($type: 'static,)* R: 'static> Function<extern $abi fn($($type),*) -> R> {
            /// Calls the function.
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            #[inline(always)]
            pub fn call(&self $(, $name: $type)*) -> R {
                (self.pointer)($($name),*)
            }
        }

        impl<$($type: 'static,)* R: 'static> Function<unsafe extern $abi fn($($type),*) -> R> {
            /// Calls the function.
            ///
            /// # Safety
            ///
            /// What the function itself asks of its callers.
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            #[inline(always)]
            pub unsafe fn call(&self $(, $name: $type)*) -> R {
                // SAFETY: the function's own obligations are met, by the caller's word.
                unsafe { (self.pointer)($($name),*) }
            }
        }
    };
}

fn_ptr!();
fn_ptr!(a A);
fn_ptr!(a A, b B);
fn_ptr!(a A, b B, c C);
fn_ptr!(a A, b B, c C, d D);
fn_ptr!(a A, b B, c C, d D, e E);
fn_ptr!(a A, b B, c C, d D, e E, f F);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G, h H);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G, h H, i I);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J, k K);
fn_ptr!(a A, b B, c C, d D, e E, f F, g G, h H, i I, j J, k K, l L);
