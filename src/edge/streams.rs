//! Streams whose bytes stay outside of wasm: chunks pass as references.

use js_sys::futures::JsFuture;
use js_sys::{ArrayBuffer, BigInt, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{
    DomException, ReadableStream, ReadableStreamDefaultReader, ReadableStreamReadResult,
    StreamPipeOptions, TransformStream, WritableStreamDefaultWriter,
};
use worker::worker_sys::FixedLengthStream;

use crate::edge::bindings::fault;
use crate::edge::task;
use crate::ports::{Fault, Part, Result};

/// Maximum length enforced on a body. A larger `Content-Length` is not checked.
const CHECKED_LENGTH_MAX: u64 = u32::MAX as u64;

#[wasm_bindgen]
extern "C" {
    /// Passes chunks on without a queue. Neither `web_sys` nor `worker_sys` has it, and workerd
    /// implements the standard `TransformStream` in JavaScript.
    #[wasm_bindgen(extends = TransformStream)]
    type IdentityTransformStream;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<IdentityTransformStream, JsValue>;

    /// `tee` throws on a locked stream, which `web_sys` does not catch.
    type Tee;
    #[wasm_bindgen(method, catch)]
    fn tee(this: &Tee) -> Result<js_sys::Array, JsValue>;
}

/// Reads a whole body. Returns `None`, with the rest cancelled, if it exceeds `bytes_max`.
pub async fn hold(body: Option<ReadableStream>, bytes_max: u64) -> Result<Option<ArrayBuffer>> {
    let mut chunks: Vec<Uint8Array> = Vec::new();
    let mut length: u64 = 0;
    if let Some(body) = body {
        let reader = ReadableStreamDefaultReader::new(&body).map_err(fault)?;
        while let Some(chunk) = next(&reader).await.map_err(fault)? {
            length += u64::from(chunk.byte_length());
            if length > bytes_max {
                ignore(&reader.cancel());
                return Ok(None);
            }
            chunks.push(chunk);
        }
    }
    if let [chunk] = &chunks[..]
        && chunk.byte_length() == chunk.buffer().byte_length()
    {
        return Ok(Some(chunk.buffer()));
    }
    let length = u32::try_from(length).map_err(|_| Fault::Failed)?;
    let whole = Uint8Array::new_with_length(length);
    let mut at = 0;
    for chunk in &chunks {
        whole.set(chunk, at);
        at += chunk.byte_length();
    }
    Ok(Some(whole.buffer()))
}

/// Returns a part of a body.
pub fn cut(body: &ReadableStream, part: Part) -> Result<ReadableStream> {
    let through = fixed_length(part.length).map_err(fault)?;
    let (reader, writer) = ends(body, &through).map_err(fault)?;
    task::spawn(async move {
        let sent = send_part(&reader, &writer, part).await;
        end(&reader, &writer, sent);
    });
    Ok(through.readable())
}

async fn send_part(
    reader: &ReadableStreamDefaultReader,
    writer: &WritableStreamDefaultWriter,
    part: Part,
) -> Result<(), JsValue> {
    let (mut at, end) = (0, part.first.saturating_add(part.length));
    while at < end
        && let Some(chunk) = next(reader).await?
    {
        let length = u64::from(chunk.byte_length());
        let from = part.first.saturating_sub(at).min(length) as u32;
        let to = end.saturating_sub(at).min(length) as u32;
        if from < to {
            task::settled(&writer.write_with_chunk(&chunk.subarray(from, to))).await?;
        }
        at += length;
    }
    ignore(&reader.cancel());
    task::settled(&writer.close()).await.map(|_| ())
}

/// Returns a stream with the bytes of `body` that fails if the body pauses for longer than
/// `idle_ms`, or if its length is not `length`.
pub fn guarded(body: &ReadableStream, length: Option<u64>, idle_ms: u64) -> Result<ReadableStream> {
    let through = match length.filter(|length| *length <= CHECKED_LENGTH_MAX) {
        Some(length) => fixed_length(length),
        None => IdentityTransformStream::new().map(TransformStream::from),
    };
    let through = through.map_err(fault)?;
    let (reader, writer) = ends(body, &through).map_err(fault)?;
    task::spawn(async move {
        let sent = send_guarded(&reader, &writer, idle_ms).await;
        end(&reader, &writer, sent);
    });
    Ok(through.readable())
}

async fn send_guarded(
    reader: &ReadableStreamDefaultReader,
    writer: &WritableStreamDefaultWriter,
    idle_ms: u64,
) -> Result<(), JsValue> {
    loop {
        let Some(chunk) = task::within(idle_ms, next(reader)).await else {
            return Err(timeout("the body paused for too long"));
        };
        match chunk? {
            Some(chunk) => task::settled(&writer.write_with_chunk(&chunk)).await?,
            None => return task::settled(&writer.close()).await.map(|_| ()),
        };
    }
}

/// Returns a stream of all bytes of some bodies, one after the other, that fails if their length
/// in all is not `length`. The runtime passes the bytes on by itself.
pub fn join(bodies: Vec<JsValue>, length: u64) -> Result<ReadableStream> {
    let through = fixed_length(length).map_err(fault)?;
    let into = through.writable();
    task::spawn(async move {
        let options = StreamPipeOptions::new();
        options.set_prevent_close(true);
        let mut is_whole = true;
        for body in bodies.iter().filter_map(|body| body.dyn_ref::<ReadableStream>()) {
            // A pipe that fails cancels its body and aborts the stream.
            match is_whole {
                true => {
                    let piped = body.pipe_to_with_options(&into, &options);
                    is_whole = task::settled(&piped).await.is_ok();
                }
                false => ignore(&body.cancel()),
            }
        }
        if is_whole {
            ignore(&into.close());
        }
    });
    Ok(through.readable())
}

/// Returns two streams, each with all bytes of `body`.
pub fn share(body: JsValue) -> Result<(JsValue, JsValue)> {
    let pair = body.unchecked_ref::<Tee>().tee().map_err(fault)?;
    Ok((pair.get(0), pair.get(1)))
}

/// Returns the error of a deadline that passed.
pub fn timeout(message: &str) -> JsValue {
    DomException::new_with_message_and_name(message, "TimeoutError").map_or_else(|e| e, Into::into)
}

/// Marks the rejection of a promise as handled.
pub fn ignore(promise: &Promise) {
    drop(JsFuture::from(promise.clone()));
}

async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let read: ReadableStreamReadResult = task::settled(&reader.read()).await?.unchecked_into();
    Ok((read.get_done() != Some(true)).then(|| read.get_value().unchecked_into()))
}

fn fixed_length(length: u64) -> Result<TransformStream, JsValue> {
    FixedLengthStream::new_big_int(BigInt::from(length)).map(Into::into)
}

fn ends(
    body: &ReadableStream,
    through: &TransformStream,
) -> Result<(ReadableStreamDefaultReader, WritableStreamDefaultWriter), JsValue> {
    Ok((ReadableStreamDefaultReader::new(body)?, through.writable().get_writer()?))
}

/// Passes an error on to both ends. Either may be gone already.
fn end(
    reader: &ReadableStreamDefaultReader,
    writer: &WritableStreamDefaultWriter,
    sent: Result<(), JsValue>,
) {
    if let Err(error) = sent {
        ignore(&reader.cancel_with_reason(&error));
        ignore(&writer.abort_with_reason(&error));
    }
}
