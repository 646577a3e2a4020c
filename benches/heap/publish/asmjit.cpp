// AsmJit's allocator, as functions that Rust can call.
#include <asmjit/core.h>

using namespace asmjit;

extern "C" {
void* peer_new(int dual) {
  JitAllocator::CreateParams params {};
  params.options = dual ? JitAllocatorOptions::kUseDualMapping : JitAllocatorOptions::kNone;
  return new JitAllocator(&params);
}
void peer_delete(void* heap) { delete static_cast<JitAllocator*>(heap); }
void* peer_publish(void* heap, const void* code, size_t len) {
  JitAllocator::Span span;
  auto* allocator = static_cast<JitAllocator*>(heap);
  if (allocator->alloc(Out(span), len) != Error::kOk) return nullptr;
  if (allocator->write(span, 0, code, len) != Error::kOk) return nullptr;
  return span.rx();
}
int peer_free(void* heap, void* code) { return static_cast<JitAllocator*>(heap)->release(code) != Error::kOk; }
}
