// Runs a Lua script: the heart of Lua's own interpreter.

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

static int twice(lua_State *lua) {
  lua_pushinteger(lua, 2 * luaL_checkinteger(lua, 1));
  return 1;
}

int main(int count, char **words) {
  lua_State *lua = luaL_newstate();
  luaL_openlibs(lua);
  lua_register(lua, "twice", twice);
  lua_createtable(lua, count, 0);
  for (int i = 0; i < count; ++i) {
    lua_pushstring(lua, words[i]);
    lua_rawseti(lua, -2, i);
  }
  lua_setglobal(lua, "arg");
  int failed = luaL_dofile(lua, words[1]);
  if (failed)
    fprintf(stderr, "%s\n", lua_tostring(lua, -1));
  lua_close(lua);
  return failed ? 1 : 0;
}
