//! `fence`, from loom in the model and from std in the product, so that the model runs the shipped code.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::fence;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::fence;
