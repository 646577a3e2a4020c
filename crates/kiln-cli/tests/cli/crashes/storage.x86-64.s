# Thread-local storage is gone: only one line can be said.
.globl _start
_start:
    mov $158, %eax
    mov $0x1002, %edi
    xor %esi, %esi
    syscall
    ud2
