// Makes an array that other processes can open, in any language, and fills it under the exclusive lock.
//
// JNA is where jna.jar lies (`dpkg -L libjna-java` on Debian).
// once: javac -cp "$JNA" -d target/java examples/java/*.java
// run: LD_LIBRARY_PATH=target/release java -cp "$JNA:target/java" Writer
class Writer {
    public static void main(String[] arguments) {
        try (var temperature = ShmArray.create("temperature", "<f8", 1000, 1000);
             var lock = temperature.lock(ShmArray.EXCLUSIVE, -1)) {
            var celsius = temperature.bytes().asDoubleBuffer();
            for (int i = 0; i < celsius.capacity(); i++) celsius.put(i, i / 1000);
        }
    }
}
