//! What programs print that run on more than one system.

/// `zlib.c`
pub(crate) const ZLIB: &str = "\
zlib 1.3.2
level 0: 300031, 300051
level 3: 136738, 136738
level 6: 136142, 136142
level 9: 136133, 136133
crc 51227c3b, adler 3994836e
1 lines
data error
";

/// `script.lua word`, by `lua.c`
pub(crate) const LUA: &str = r#"Lua 5.4	word
1	2	11	3
2 3 5 7 11 13 17 19 23 29 31 37 41 43 47
ehT kciuq nworb xof	4
 3.14|left  |ff|"a\
b"
key	value	other	thing
-123456	€	4
false	table	42
false	bad argument #1 to 'twice' (number expected, got string)
true	false	bad argument #1 to 'string.rep' (string expected, got no value)
true	1
false	out of the coroutine it
dead
false	handled: attempt to perform arithmetic on a nil value
(2, 4)	3	-2	1024.0	4611686018427387904	true
closed
nil	true
1799991	42
nil	[string "return 1 +"]:1: unexpected symbol near <eof>
"#;

/// `zstd.c`
pub(crate) const ZSTD: &str = "\
zstd 1.5.7
level 1: 167751, 1, stream 167752
level 7: 132567, 1, stream 132568
level 13: 132960, 1, stream 132961
level 19: 130962, 1, stream 130963
dictionary: trained, 1
Src size is incorrect
";
