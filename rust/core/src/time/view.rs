//! A view of a sequence's values.

/// A value of every packed row: row `r` starts at `ptr + r * stride`. The owner of the memory outlives the view.
#[derive(Debug, Clone, Copy)]
pub struct SeqView<T> {
    pub ptr: *const T,
    pub stride: usize,
    pub width: usize,
}

// SAFETY: a view is only an address; code that reads through it guarantees the access.
unsafe impl<T: Send> Send for SeqView<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for SeqView<T> {}

impl<T> SeqView<T> {
    /// No value.
    pub const NONE: SeqView<T> = SeqView { ptr: std::ptr::null(), stride: 0, width: 0 };

    pub fn is_none(&self) -> bool {
        self.ptr.is_null()
    }

    pub fn of(data: &[T], width: usize) -> SeqView<T> {
        SeqView { ptr: data.as_ptr(), stride: width, width }
    }

    /// `width` of the columns, starting at `first`. Nothing is read if there are no rows.
    pub fn columns(&self, first: usize, width: usize) -> SeqView<T> {
        SeqView { ptr: self.ptr.wrapping_add(first), stride: self.stride, width }
    }
}
