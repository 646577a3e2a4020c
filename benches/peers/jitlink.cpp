// LLVM JITLink behind two functions, for `cargo bench -p kiln --bench load`: see crates/corpus/src/peers.rs.
//
// Without unwind registration and without a debugger's: what it does here is parse, resolve, lay out, copy, fix up and protect.

#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h>
#include <llvm/Support/MemoryBuffer.h>

using namespace llvm;
using namespace llvm::orc;

namespace {

// Made once: no part of what is measured.
struct Session {
  ExecutionSession session;
  jitlink::InProcessMemoryManager memory;
  ObjectLinkingLayer layer;
  unsigned loads = 0;

  Session()
      : session(cantFail(SelfExecutorProcessControl::Create())), memory(session.getPageSize()), layer(session, memory) {}
};

Session &session() {
  static Session *made = new Session;
  return *made;
}

bool failed(Error error) {
  if (!error)
    return false;
  logAllUnhandledErrors(std::move(error), errs(), "jitlink: ");
  return true;
}

}  // namespace

// Links the objects and gives the address of `symbol`. Null: it failed, and said why.
extern "C" void *peer_load(size_t count, const char *const *paths, const char *const *bytes, const size_t *sizes,
                           const char *symbol, void **address) {
  Session &all = session();
  JITDylib &library = all.session.createBareJITDylib("load " + std::to_string(all.loads++));
  library.addGenerator(cantFail(DynamicLibrarySearchGenerator::GetForCurrentProcess('\0')));
  for (size_t index = 0; index < count; ++index) {
    StringRef object(bytes[index], sizes[index]);
    if (failed(all.layer.add(library, MemoryBuffer::getMemBuffer(object, paths[index], false))))
      return nullptr;
  }
  auto found = all.session.lookup({&library}, symbol);
  if (!found) {
    failed(found.takeError());
    return nullptr;
  }
  *address = found->getAddress().toPtr<void *>();
  return &library;
}

extern "C" void peer_unload(void *handle) {
  failed(session().session.removeJITDylib(*static_cast<JITDylib *>(handle)));
}
